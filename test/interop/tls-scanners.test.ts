/** What scanners find of a server with the options of its own. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { KeyPair } from "../../src/internet/tls/keypair.ts";
import { need, scratch, testReactor } from "../helpers/interop.ts";
import { certify, rootAuthority } from "../helpers/pki.ts";
import { Program } from "../helpers/program.ts";
import { SecureEcho, SecureRecorder, serveTLS } from "../helpers/tls.ts";
import { volume } from "../helpers/volume.ts";

const reactor = testReactor();
const root = rootAuthority();

it.each([
  ["ec", "ECDSA"],
  ["rsa", "RSA"],
] as const)("sslscan finds what is strong, and nothing else, with a key of the kind %s", async (kind, name) => {
  const certificate = certify(root, ["localhost"], { key: KeyPair.generate(kind) });
  const { port } = serveTLS(reactor(), { certificate }, () => new SecureEcho());
  const scan = promisify(execFile)(need("sslscan"), ["--no-colour", "--sni-name=localhost", `127.0.0.1:${port}`]);
  const { stdout } = await scan;
  const versions = [...stdout.matchAll(/^(SSLv\d|TLSv1\.\d) +(enabled|disabled)$/gm)].map(([, ...found]) =>
    found.join(" "),
  );
  expect(versions).toEqual([
    ...["SSLv2 disabled", "SSLv3 disabled", "TLSv1.0 disabled", "TLSv1.1 disabled"],
    ...["TLSv1.2 enabled", "TLSv1.3 enabled"],
  ]);
  const ciphers = [...stdout.matchAll(/^(?:Preferred|Accepted) +\S+ +\d+ bits +(\S+)/gm)].map(([, cipher]) => cipher);
  expect(ciphers).toEqual([
    ...["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
    ...[`ECDHE-${name}-AES128-GCM-SHA256`, `ECDHE-${name}-AES256-GCM-SHA384`, `ECDHE-${name}-CHACHA20-POLY1305`],
  ]);
  expect(stdout).toContain("Server supports TLS Fallback SCSV");
  expect(stdout).toContain("Session renegotiation not supported");
  expect([...stdout.matchAll(/(not )?vulnerable to heartbleed/g)].map(([found]) => found)).toEqual([
    "not vulnerable to heartbleed",
    "not vulnerable to heartbleed",
  ]);
});

/** Answers and closes, as HTTP does: testssl.sh waits for the end of a connection on which it has asked something. */
class Answering extends SecureRecorder {
  override onData = (): void => {
    this.transport.write("HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    this.transport.loseConnection();
  };
}

/** It takes minutes. */
const SCANS = volume({ gate: 0, long: 1 });

/** WARN is what its own openssl, or a machine that is too slow, kept it from looking at. */
const ABOVE_LOW = ["MEDIUM", "HIGH", "CRITICAL"];
/** What it finds of the certificate that tests make: who issued it, and where revocations would be told. */
const NOT_OF_TLS = ["cert_chain_of_trust", "cert_revocation", "DNS_CAArecord"];

it.runIf(SCANS > 0)("testssl.sh finds nothing above LOW", async () => {
  const certificate = certify(root, ["localhost"], { seconds: 90 * 24 * 3600, subject: { commonName: "localhost" } });
  const { port } = serveTLS(reactor(), { certificate }, () => new Answering());
  const report = join(scratch(), "report.json");
  const sections = ["--protocols", "--std", "--fs", "--server-preference", "--server-defaults", "--vulnerable"];
  const program = new Program(need("testssl", "testssl.sh"), [
    ...["--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "--jsonfile", report, ...sections],
    `localhost:${port}`,
  ]);
  await program.exited;
  const findings = JSON.parse(readFileSync(report, "utf8")) as { id: string; severity: string; finding: string }[];
  const above = findings.filter(({ id, severity }) => ABOVE_LOW.includes(severity) && !NOT_OF_TLS.includes(id));
  expect(above).toEqual([]);
  for (const id of ["TLS1", "TLS1_1"]) {
    expect(findings.find((one) => one.id === id)).toMatchObject({ finding: "not offered" });
  }
  for (const id of ["heartbleed", "ROBOT", "secure_client_renego", "LUCKY13"]) {
    expect(findings.find((one) => one.id === id)).toMatchObject({ severity: "OK" });
  }
});
