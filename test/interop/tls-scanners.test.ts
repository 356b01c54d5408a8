/** What scanners find of a server with the options of its own. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { KeyPair } from "../../src/internet/tls/certificate.ts";
import { need, testReactor } from "../helpers/interop.ts";
import { certify, rootAuthority } from "../helpers/pki.ts";
import { SecureEcho, serveTLS } from "../helpers/tls.ts";

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
