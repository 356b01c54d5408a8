/** Nothing of a private key or a passphrase is in what is shown, logged or kept. */
import { generateKeyPairSync } from "node:crypto";
import fs, { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { getHeapSnapshot } from "node:v8";
import { afterAll, describe, expect, it, vi } from "vitest";
import { clientFromString, serverFromString } from "../../src/entries/endpoints.ts";
import { DefaultOpenSSLContextFactory } from "../../src/entries/ssl.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { preferredBackend } from "../../src/internet/reactor/installation.ts";
import { NativeReactor } from "../../src/internet/reactor/native.ts";
import { NodeReactor } from "../../src/internet/reactor/node.ts";
import { KeyPair, PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import { CertificateOptions, optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { testReactor } from "../helpers/interop.ts";
import { collectLog } from "../helpers/log.ts";
import { certify, rootAuthority } from "../helpers/pki.ts";
import { dialTLS, SecureEcho, SecureRecorder, serveTLS } from "../helpers/tls.ts";

const log = collectLog();

/** What a search looks for, itself never one string or one run of bytes: pairs of halves. */
interface Needle {
  readonly what: string;
  readonly halves: readonly [Buffer, Buffer];
}

function needle(what: string, bytes: Buffer): Needle {
  const middle = bytes.length >> 1;
  return { what, halves: [Buffer.from(bytes.subarray(0, middle)), Buffer.from(bytes.subarray(middle))] };
}

/** The private number of an Ed25519 key: the last 32 bytes of PKCS#8 (RFC 8410, 7). */
const SECRET_BYTES = 32;

function needlesOf(der: Buffer): Needle[] {
  const secret = der.subarray(-SECRET_BYTES);
  // As PEM has it: base64 of the whole, whose groups of four begin every three bytes.
  const base64 = der.toString("base64");
  return [
    needle("the key's bytes", secret),
    needle("the key in hexadecimal", Buffer.from(secret.toString("hex"))),
    needle("the key in base64", Buffer.from(secret.toString("base64").replace(/=+$/, ""))),
    needle("the key in PEM", Buffer.from(base64.slice(24, 56))),
  ];
}

function found(haystack: Buffer | string, needles: readonly Needle[]): string[] {
  const bytes = typeof haystack === "string" ? Buffer.from(haystack, "utf8") : haystack;
  return needles
    .filter(({ halves: [first, second] }) => {
      for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
        if (bytes.subarray(at + first.length, at + first.length + second.length).equals(second)) return true;
      }
      return false;
    })
    .map(({ what }) => what);
}

async function heap(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of getHeapSnapshot()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Bytes that are the same each time, and no string of the source. */
function passphrase(): Buffer {
  return Buffer.from([...Array(24)].map((_, i) => 97 + ((i * i * 7 + 3 * i) % 26)));
}

const root = rootAuthority();

/** A key as Buffers, encrypted and not, and what of it must never be seen. */
function material() {
  const { privateKey } = generateKeyPairSync("ed25519");
  const secret = passphrase();
  const key = new KeyPair(privateKey);
  const certificate = certify(root, ["localhost"], { key });
  const der = key.dump("DER");
  const pem = key.dump("PEM");
  const encrypted = key.dump("PEM", secret);
  const needles = [...needlesOf(der), needle("the passphrase", secret)];
  return { certificate: certificate.dumpPEM(), der, pem, encrypted, secret, needles };
}

describe("the search", () => {
  it("finds what is there", async () => {
    const { pem, der, needles } = material();
    expect(found(pem, needles)).toContain("the key in PEM");
    expect(found(der, needles)).toContain("the key's bytes");
    const kept = { text: String(pem).replace(/\n/g, ""), hex: der.toString("hex") };
    const seen = found(await heap(), needles);
    expect(seen).toContain("the key in PEM");
    expect(seen).toContain("the key in hexadecimal");
    expect(kept.text.length).toBeGreaterThan(0);
  });
});

/** The reactors that keys reach by different ways: the addon, and node:tls. */
const REACTORS: [string, () => EngineReactor][] = [
  ["a native reactor", () => new NativeReactor(preferredBackend())],
  ["the node reactor", () => new NodeReactor()],
];

describe.each(REACTORS)("of %s, a key and a passphrase are in nothing", (_, make) => {
  const reactor = testReactor(make);

  it("that is shown of keys, certificates, options, connections and the reactor", async () => {
    const { certificate, encrypted, secret, needles } = material();
    const key = new KeyPair(encrypted, secret);
    const own = key.newCertificate(certificate);
    const options = new CertificateOptions({ certificate, privateKey: encrypted, passphrase: secret });
    const { port, next } = serveTLS(reactor(), options, () => new SecureEcho());
    const toServer = optionsForClientTLS("localhost", { trustRoot: root, clientCertificate: own });
    const client = await dialTLS(reactor(), port, toServer, new SecureRecorder());
    client.transport.write("hello");
    await client.arrived.reaches(5);
    const server = await next();
    const everything = [key, own, options, toServer, client.transport, server.transport, reactor().stats(), reactor()];
    for (const one of everything) {
      expect(
        found(inspect(one, { depth: 20, showHidden: true, getters: true, maxArrayLength: null }), needles),
      ).toEqual([]);
      expect(found(String(one), needles)).toEqual([]);
    }
    for (const one of [key, own, options, toServer, reactor().stats()]) {
      expect(found(String(JSON.stringify(one)), needles)).toEqual([]);
    }
    expect(log()).toEqual([]);
  });

  it("that lives on the heap, once the program has wiped what it gave", async () => {
    const { needles, ...given } = material();
    const { certificate, pem, der, encrypted, secret } = given;
    const kept: unknown[] = [
      new KeyPair(pem),
      new KeyPair(der),
      new KeyPair(encrypted, secret),
      PrivateCertificate.loadPEM(Buffer.concat([Buffer.from(certificate), encrypted]), secret),
    ];
    const servers = [
      new CertificateOptions({ certificate, privateKey: pem }),
      new CertificateOptions({ certificate, privateKey: der }),
      new CertificateOptions({ certificate, privateKey: encrypted, passphrase: secret }),
    ];
    for (const options of servers) {
      const { port, next } = serveTLS(reactor(), options, () => new SecureEcho());
      const toServer = optionsForClientTLS("localhost", { trustRoot: root });
      const client = await dialTLS(reactor(), port, toServer, new SecureRecorder());
      client.transport.write("hello");
      await client.arrived.reaches(5);
      kept.push(client, await next(), toServer);
    }
    for (const bytes of [pem, der, encrypted, secret]) bytes.fill(0);
    expect(found(await heap(), needles)).toEqual([]);
    expect(kept.length).toBeGreaterThan(0);
  });
});

describe("a key and a passphrase are in nothing", () => {
  it("that is an error", () => {
    const { certificate, pem, der, encrypted, secret, needles } = material();
    const wrong = Buffer.concat([secret, Buffer.from("x")]);
    const cut = (bytes: Buffer) => bytes.subarray(0, bytes.length - 30);
    const attempts: (() => unknown)[] = [
      () => new KeyPair(encrypted),
      () => new KeyPair(encrypted, wrong),
      () => new KeyPair(cut(pem)),
      () => new KeyPair(der.subarray(1)),
      () => new KeyPair(Buffer.concat([Buffer.from("hello"), der])),
      () => new CertificateOptions({ privateKey: pem, certificate: pem }),
      () => new CertificateOptions({ privateKey: pem, certificate: root.dumpPEM() }),
      () => new CertificateOptions({ privateKey: pem }),
      () => new CertificateOptions({ privateKey: encrypted, passphrase: wrong, certificate }),
      () => new CertificateOptions({ privateKey: [pem] as never, certificate }),
      () =>
        new CertificateOptions({ privateKey: pem, certificate, passphrase: { secret } as never, ticketKeys: [der] }),
      () => new CertificateOptions({ privateKey: pem, certificate, ["nothing" as "keyLog"]: der as never }),
      () => PrivateCertificate.loadPKCS12(der, secret),
      () => PrivateCertificate.loadPKCS12(String(pem) as never, secret),
      () => KeyPair.load(pem, { secret } as never),
      () => optionsForClientTLS(String(pem)),
      () => optionsForClientTLS("localhost", { clientCertificate: String(pem) as never }),
      () => optionsForClientTLS("localhost", { trustRoot: String(pem) }),
    ];
    for (const attempt of attempts) {
      const error = thrown(attempt);
      if (error === undefined) continue;
      const shown = [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), (error as Error).stack!];
      for (const text of shown) expect(found(text, needles), attempt.toString()).toEqual([]);
    }
  });
});

describe("what is read of files is wiped", () => {
  const reactor = testReactor();
  const { certificate, pem, encrypted, secret } = material();
  const folder = mkdtempSync(join(tmpdir(), "skein-secrets-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, data: string | Buffer) => {
    writeFileSync(join(folder, name), data);
    return join(folder, name);
  };
  const [plainKey, sealedKey, own, phrase] = [
    file("key.pem", pem),
    file("sealed.pem", encrypted),
    file("own.pem", certificate),
    file("phrase", `${secret}\n`),
  ];

  /** What readFileSync() returns while `use` runs. */
  function readBy(use: () => unknown): Buffer[] {
    const spy = vi.spyOn(fs, "readFileSync");
    syncBuiltinESMExports();
    try {
      use();
    } finally {
      vi.restoreAllMocks();
      syncBuiltinESMExports();
    }
    return spy.mock.results.map(({ value }) => value as Buffer).filter(Buffer.isBuffer);
  }

  it.each([
    [
      "a server's key, and its passphrase",
      3,
      () => serverFromString(reactor(), `ssl:0:privateKey=${sealedKey}:certKey=${own}:passphraseFile=${phrase}`),
    ],
    ["a server's key", 2, () => serverFromString(reactor(), `ssl:0:privateKey=${plainKey}:certKey=${own}`)],
    [
      "a client's key",
      2,
      () => clientFromString(reactor(), `tls:localhost:443:certificate=${own}:privateKey=${plainKey}`),
    ],
    [
      "a key that cannot be used",
      2,
      () => expect(() => serverFromString(reactor(), `ssl:0:privateKey=${sealedKey}:certKey=${own}`)).toThrow(),
    ],
    [
      "the key of DefaultOpenSSLContextFactory",
      1,
      () => new DefaultOpenSSLContextFactory(plainKey, own),
      [readFileSync(plainKey)],
    ],
  ] as [string, number, () => unknown, Buffer[]?][])("%s", (_, count, use, ofThese) => {
    const read = readBy(use);
    const secrets =
      ofThese === undefined ? read : read.filter((each) => ofThese.some((one) => one.length === each.length));
    expect(secrets.length).toBe(count);
    for (const each of secrets) expect(each.equals(Buffer.alloc(each.length))).toBe(true);
  });
});

function thrown(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}
