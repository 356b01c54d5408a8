/** What openssl is told when we refuse it: the alert that is proper for the reason (RFC 8446, 6.2). */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { KeyPair, type PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import { type ClientTLSOptions, optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { freePort } from "../helpers/freeport.ts";
import { accepting, need, scratch, testReactor } from "../helpers/interop.ts";
import {
  certify,
  intermediate,
  nameConstraints,
  revocationList,
  rootAuthority,
  withSHA1,
  withWrongSignature,
} from "../helpers/pki.ts";
import { Program } from "../helpers/program.ts";
import { dialTLS, SecureRecorder, serveTLS } from "../helpers/tls.ts";

const reactor = testReactor();
const root = rootAuthority();
const other = rootAuthority("Other");
const good = certify(root, ["localhost"]);
const EXPIRED = { seconds: -60 };
const EARLY = { validFrom: new Date(Date.now() + 3_600_000), seconds: 7200 };

/** Of a certificate, its key and its chain. */
function file(own: PrivateCertificate, ...chain: PrivateCertificate[]): string[] {
  const folder = scratch();
  const pem = (name: string, ...parts: (string | Buffer)[]) => {
    writeFileSync(join(folder, name), Buffer.concat(parts.map((part) => Buffer.from(part))));
    return join(folder, name);
  };
  const path = pem("own.pem", own.privateKey.dump("PEM"), own.dumpPEM());
  const behind = chain.length === 0 ? [] : ["-cert_chain", pem("chain.pem", ...chain.map((one) => one.dumpPEM()))];
  return ["-cert", path, "-key", path, ...behind];
}

interface Refusal {
  readonly what: string;
  readonly shown: () => readonly [PrivateCertificate, ...PrivateCertificate[]];
  readonly code: string;
  readonly alert: number;
  /** Of our client. */
  readonly client?: ClientTLSOptions;
  readonly name?: string;
  /** Of openssl, which is as strict by itself. */
  readonly lax?: boolean;
}

/** RFC 8446, 6.2: bad_certificate 42, unsupported 43, revoked 44, expired 45, unknown 46, unknown_ca 48, decrypt_error 51. */
const OF_SERVERS: readonly Refusal[] = [
  { what: "expired", shown: () => [certify(root, ["localhost"], EXPIRED)], code: "CERT_EXPIRED", alert: 45 },
  { what: "not yet valid", shown: () => [certify(root, ["localhost"], EARLY)], code: "CERT_NOT_YET_VALID", alert: 42 },
  {
    what: "self-signed",
    shown: () => [other.privateKey.selfSignedCert({}, { subjectAltNames: ["localhost"] })],
    code: "CERT_SELF_SIGNED",
    alert: 48,
  },
  {
    what: "of an unknown issuer",
    shown: () => [certify(other, ["localhost"])],
    code: "CERT_UNKNOWN_ISSUER",
    alert: 48,
  },
  { what: "for another name", shown: () => [good], name: "example.com", code: "CERT_WRONG_NAME", alert: 42 },
  {
    what: "for another purpose",
    shown: () => [certify(root, ["localhost"], { uses: ["client"] })],
    code: "CERT_WRONG_PURPOSE",
    alert: 43,
  },
  {
    what: "of what is no authority",
    shown: () => [certify(good, ["localhost"]), good],
    code: "CERT_NO_AUTHORITY",
    alert: 48,
  },
  {
    what: "of an authority for other names",
    shown: () => {
      const between = intermediate(root, { extensions: [nameConstraints(["example.com"])] });
      return [certify(between, ["localhost"]), between];
    },
    code: "CERT_NAME_CONSTRAINTS",
    alert: 46,
  },
  {
    what: "with a wrong signature",
    shown: () => [withWrongSignature(certify(root, ["localhost"]))],
    code: "CERT_BAD_SIGNATURE",
    alert: 51,
  },
  {
    what: "revoked",
    shown: () => [good],
    client: { crls: revocationList(root, [good]) },
    code: "CERT_REVOKED",
    alert: 44,
  },
  {
    what: "with a weak key",
    shown: () => [certify(root, ["localhost"], { key: KeyPair.generate("rsa", 1024) })],
    code: "CERT_WEAK_KEY",
    alert: 42,
    lax: true,
  },
  { what: "signed with SHA-1", shown: () => [withSHA1(good, root)], code: "CERT_WEAK_SIGNATURE", alert: 42, lax: true },
];

const number = (alert: number) => new RegExp(`SSL alert number ${alert}\\b`);
const LAX = ["-cipher", "DEFAULT@SECLEVEL=0"];

describe("s_server is told by our client", () => {
  it.each(OF_SERVERS)(
    "of a certificate $what: alert $alert",
    async ({ shown, code, alert, client = {}, name, lax }) => {
      const port = await freePort();
      const own = [...file(...shown()), ...(lax ? LAX : [])];
      const peer = new Program(need("openssl"), ["s_server", "-accept", `127.0.0.1:${port}`, "-naccept", "2", ...own]);
      await accepting(port, peer);
      const options = optionsForClientTLS(name ?? "localhost", { trustRoot: root, ...client });
      const refusing = await dialTLS(reactor(), port, options, new SecureRecorder());
      expect(await refusing.lossError()).toMatchObject({ code: `ERR_TLS_${code}` });
      await peer.exited;
      expect(peer.stderr).toMatch(number(alert));
    },
  );
});

const OF_CLIENTS: readonly Refusal[] = [
  { what: "expired", shown: () => [certify(root, [], EXPIRED)], code: "CERT_EXPIRED", alert: 45 },
  { what: "of an unknown issuer", shown: () => [certify(other)], code: "CERT_UNKNOWN_ISSUER", alert: 48 },
  {
    what: "for another purpose",
    shown: () => [certify(root, [], { uses: ["server"] })],
    code: "CERT_WRONG_PURPOSE",
    alert: 43,
  },
  {
    what: "revoked",
    shown: () => [good],
    client: { crls: revocationList(root, [good]) },
    code: "CERT_REVOKED",
    alert: 44,
  },
];

describe("s_client is told by our server", () => {
  const client = (port: number, ...args: string[]) =>
    new Program(need("openssl"), ["s_client", "-connect", `127.0.0.1:${port}`, "-quiet", ...args]);

  it.each(OF_CLIENTS.flatMap((one) => ["-tls1_2", "-tls1_3"].map((version) => ({ ...one, version }))))(
    "with $version of a certificate $what: alert $alert",
    async ({ shown, code, alert, client: { crls } = {}, version }) => {
      const options = { certificate: good, trustRoot: root, ...(crls && { crls }) };
      const { port, next } = serveTLS(reactor(), options, () => new SecureRecorder());
      const peer = client(port, version, ...file(...shown()));
      expect(await (await next()).lossError()).toMatchObject({ code: `ERR_TLS_${code}` });
      await peer.exited;
      expect(peer.stderr).toMatch(number(alert));
    },
  );

  it.each([
    ["-tls1_2", 40],
    ["-tls1_3", 116],
  ])("with %s that it must have a certificate: alert %i", async (version, alert) => {
    const { port, next } = serveTLS(reactor(), { certificate: good, trustRoot: root }, () => new SecureRecorder());
    const peer = client(port, version);
    expect(await (await next()).lossError()).toMatchObject({ code: "ERR_TLS_NO_CLIENT_CERT" });
    await peer.exited;
    expect(peer.stderr).toMatch(number(alert));
  });

  it.each([
    ["of its version", "OLD_VERSION", 70, ["-tls1_1", ...LAX], {}],
    ["of its ciphers", "NO_COMMON_CIPHER", 40, ["-tls1_2", "-cipher", "AES128-SHA"], {}],
    ["of its groups", "NO_COMMON_GROUP", 40, ["-tls1_3", "-groups", "P-521"], {}],
    ["of its application protocols", "NO_COMMON_PROTOCOL", 120, ["-alpn", "a"], { acceptableProtocols: ["b"] }],
    ["that the program refuses it", "REFUSED", 112, [], { onClient: () => ({ options: null }) }],
  ])("%s", async (_, code, alert, args, options) => {
    const { port, next } = serveTLS(reactor(), { certificate: good, ...options }, () => new SecureRecorder());
    const peer = client(port, ...args);
    expect(await (await next()).lossError()).toMatchObject({ code: `ERR_TLS_${code}` });
    await peer.exited;
    expect(peer.stderr).toMatch(number(alert));
  });
});
