/** Private keys and certificates in the forms that users have of them. */
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Certificate } from "../../src/internet/tls/certificate.ts";
import { KeyPair, PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import { CertificateOptions, optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { need, scratch, testReactor } from "../helpers/interop.ts";
import { certify, intermediate, rootAuthority } from "../helpers/pki.ts";
import { dialTLS, SecureRecorder, serveTLS } from "../helpers/tls.ts";

const reactor = testReactor();
const PASSPHRASE = "correct horse ä";

const KEYS: Readonly<Record<string, KeyObject>> = {
  "RSA 2048": generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  "RSA-PSS 2048": generateKeyPairSync("rsa-pss", { modulusLength: 2048, hashAlgorithm: "sha256" }).privateKey,
  "P-256": generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  "P-384": generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
  "P-521": generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
  Ed25519: generateKeyPairSync("ed25519").privateKey,
  Ed448: generateKeyPairSync("ed448").privateKey,
};

const OLD_FORMS: Readonly<Record<string, "pkcs1" | "sec1">> = { rsa: "pkcs1", ec: "sec1" };

/** Each form of `key`, and whether it is encrypted. */
function forms(key: KeyObject): [form: string, data: Buffer, encrypted: boolean][] {
  const secret = { cipher: "aes-256-cbc", passphrase: PASSPHRASE };
  const types = ["pkcs8", ...[OLD_FORMS[key.asymmetricKeyType!] ?? []].flat()] as ("pkcs8" | "pkcs1" | "sec1")[];
  const exported = (format: "pem" | "der", type: "pkcs8" | "pkcs1" | "sec1", secret = {}) =>
    Buffer.from(key.export({ format, type, ...secret } as { format: "der"; type: "pkcs8" }));
  return types.flatMap((type): [string, Buffer, boolean][] => [
    [`PEM of ${type}`, exported("pem", type), false],
    [`DER of ${type}`, exported("der", type), false],
    [`encrypted PEM of ${type}`, exported("pem", type, secret), true],
    ...(type === "pkcs8"
      ? [[`encrypted DER of ${type}`, exported("der", type, secret), true] as [string, Buffer, boolean]]
      : []),
  ]);
}

const CASES = Object.entries(KEYS).flatMap(([kind, key]) => {
  return forms(key).map(([form, data, encrypted]) => ({ kind, key, form, data, encrypted }));
});

describe("KeyPair", () => {
  it.each(CASES)("reads $form of $kind", ({ key, data, encrypted }) => {
    const hash = new KeyPair(key).keyHash();
    const given = encrypted ? [PASSPHRASE] : [];
    expect(KeyPair.load(data, ...given).keyHash()).toBe(hash);
    // A view into a larger buffer, and bytes of a passphrase.
    const larger = Buffer.concat([Buffer.from("x"), data, Buffer.from("y")]);
    const secret = encrypted ? [Buffer.from(PASSPHRASE)] : [];
    expect(KeyPair.load(new Uint8Array(larger.buffer, larger.byteOffset + 1, data.length), ...secret).keyHash()).toBe(
      hash,
    );
    expect(secret).toEqual(encrypted ? [Buffer.from(PASSPHRASE)] : []);
  });

  it.each(CASES.filter(({ encrypted }) => encrypted))("says what $form of $kind needs", ({ data }) => {
    expect(() => KeyPair.load(data)).toThrow(/^The private key is encrypted: pass its passphrase\.$/);
    for (const wrong of ["wrong", "", Buffer.from(`${PASSPHRASE}x`)]) {
      expect(() => KeyPair.load(data, wrong)).toThrow(
        /^The private key cannot be read with this passphrase: it must be PEM/,
      );
    }
  });

  it.each([
    "",
    "hello",
    Buffer.alloc(0),
    Buffer.from("3000", "hex"),
    Buffer.from("30820000", "hex"),
    "-----BEGIN PRIVATE KEY-----\n",
  ])("refuses %j", (data) => {
    expect(() => KeyPair.load(data)).toThrow(
      /^The private key cannot be read: it must be PEM or DER of a private key\.$/,
    );
  });

  it.each(["RSA-PSS 2048", "Ed448"])("of %s is refused as the key of an authority where it cannot sign", (kind) => {
    const make = () => new KeyPair(KEYS[kind]!).selfSignedCert({ commonName: "x" });
    if (kind === "Ed448") expect(String(make())).toContain("x");
    else expect(make).toThrow(/rsa-pss cannot sign certificates here: use ec, ed25519 or rsa/);
  });
});

describe("a server", () => {
  const root = rootAuthority();

  it.each(Object.keys(KEYS).filter((kind) => kind !== "Ed448"))("has a key of %s", async (kind) => {
    const certificate = certify(root, ["localhost"], { key: new KeyPair(KEYS[kind]!) });
    const { port } = serveTLS(reactor(), { certificate }, () => new SecureRecorder());
    const options = optionsForClientTLS("localhost", { trustRoot: root });
    const client = await dialTLS(reactor(), port, options, new SecureRecorder());
    expect(await client.outcome()).toMatchObject({ version: "TLSv1.3" });
    expect(new Certificate(client.secure.getPeerCertificateChain()[0]!).equals(certificate)).toBe(true);
  });

  it("with a key and a certificate that do not belong together cannot be made", () => {
    const certificate = new Certificate(certify(root, ["localhost"]).x509);
    const make = () => new CertificateOptions({ certificate, privateKey: KeyPair.generate() });
    expect(make).toThrow(/^The private key is not the certificate's\.$/);
  });
});

describe("PrivateCertificate.loadPKCS12()", () => {
  const root = rootAuthority();
  const upper = intermediate(root, { subject: { commonName: "Upper" } });
  const lower = intermediate(upper, { subject: { commonName: "Lower" } });
  const own = certify(lower, ["localhost"], { subject: { commonName: "localhost" } });

  function pkcs12(others: readonly Certificate[], ...options: string[]): Buffer {
    const folder = scratch();
    const file = (name: string, data: string | Buffer) => {
      writeFileSync(join(folder, name), data);
      return join(folder, name);
    };
    const args = ["-inkey", file("key", own.privateKey.dump("PEM")), "-in", file("own", own.dumpPEM())];
    if (others.length > 0) args.push("-certfile", file("others", others.map((one) => one.dumpPEM()).join("")));
    const out = join(folder, "out.p12");
    execFileSync(need("openssl"), ["pkcs12", "-export", ...args, "-out", out, ...options], { stdio: "pipe" });
    return readFileSync(out);
  }

  it.each([
    ["in order", [lower, upper]],
    ["in another order", [upper, lower]],
    ["with a root and a stranger", [rootAuthority("Stranger"), upper, lower]],
  ])("has the key, the certificate and its chain: %s", (_, others) => {
    const loaded = PrivateCertificate.loadPKCS12(pkcs12(others, "-passout", `pass:${PASSPHRASE}`), PASSPHRASE);
    expect(loaded.equals(own)).toBe(true);
    expect(loaded.privateKey.keyHash()).toBe(own.privateKey.keyHash());
    expect(loaded.chain.map(String)).toEqual([lower, upper].map((one) => String(new Certificate(one.x509))));
  });

  it("needs no passphrase when it is empty, and takes bytes of one, which it leaves as they are", () => {
    expect(PrivateCertificate.loadPKCS12(pkcs12([], "-passout", "pass:")).equals(own)).toBe(true);
    const secret = Buffer.from(PASSPHRASE);
    const data = new Uint8Array(pkcs12([], "-passout", `pass:${PASSPHRASE}`));
    expect(PrivateCertificate.loadPKCS12(data, secret).chain).toEqual([]);
    expect(secret).toEqual(Buffer.from(PASSPHRASE));
  });

  it("serves, with its chain", async () => {
    const certificate = PrivateCertificate.loadPKCS12(pkcs12([upper, lower], "-passout", "pass:x"), "x");
    const { port, next } = serveTLS(reactor(), { certificate, trustRoot: root }, () => new SecureRecorder());
    const options = optionsForClientTLS("localhost", { trustRoot: root, clientCertificate: certificate });
    const client = await dialTLS(reactor(), port, options, new SecureRecorder());
    const server = await next();
    await server.shaken.promise;
    await client.shaken.promise;
    for (const { secure } of [client, server]) expect(secure.getPeerCertificateChain().length).toBe(3);
  });

  it.each([
    [
      "a wrong passphrase",
      () => [pkcs12([], "-passout", "pass:right"), "wrong"],
      /^TLS cannot open the PKCS#12 file, or its passphrase/,
    ],
    [
      "no passphrase",
      () => [pkcs12([], "-passout", "pass:right"), ""],
      /^TLS cannot open the PKCS#12 file, or its passphrase/,
    ],
    ["a passphrase with a NUL", () => [pkcs12([], "-passout", "pass:right"), "right\0x"], /has no NUL/],
    ["what is none", () => [Buffer.from("hello"), ""], /^TLS cannot open the PKCS#12 file/],
    ["nothing", () => [Buffer.alloc(0), ""], /^TLS cannot open the PKCS#12 file/],
    ["no certificate", () => [pkcs12([], "-passout", "pass:x", "-nocerts"), "x"], /no private key with a certificate/],
    ["no key", () => [pkcs12([], "-passout", "pass:x", "-nokeys"), "x"], /no private key with a certificate/],
    ["old encryption", () => [pkcs12([], "-passout", "pass:x", "-legacy"), "x"], /write it anew with AES/],
  ] as [string, () => [Buffer, string], RegExp][])("refuses %s", (_, make, says) => {
    const [data, passphrase] = make();
    const error = thrown(() => PrivateCertificate.loadPKCS12(data, passphrase));
    expect(error).toMatchObject({ code: "ERR_TLS_OPTIONS", message: expect.stringMatching(says) });
  });

  it("refuses what is no file", () => {
    const load = PrivateCertificate.loadPKCS12 as (data: unknown) => unknown;
    expect(() => load("file.p12")).toThrow(/^A PKCS#12 file is a Buffer or Uint8Array, not/);
  });
});

function thrown(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}
