/** OCSP responses that `openssl ocsp` has made, stapled by `openssl s_server`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Certificate } from "../../src/internet/tls/certificate.ts";
import type { PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import { optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { freePort } from "../helpers/freeport.ts";
import { accepting, need, scratch, testReactor } from "../helpers/interop.ts";
import { responder } from "../helpers/ocsp.ts";
import { certify, intermediate, rootAuthority } from "../helpers/pki.ts";
import { Program } from "../helpers/program.ts";
import { dialTLS, SecureRecorder } from "../helpers/tls.ts";

const reactor = testReactor();
const root = rootAuthority();
const issuer = intermediate(root);
const certificate = certify(issuer, ["localhost"]);
const other = certify(issuer, ["other.example"]);
const delegate = responder(issuer);
const servant = certify(issuer, [], { subject: { commonName: "Servant" }, uses: ["server"] });
const stranger = rootAuthority("Stranger");

/** A line of an index as `openssl ca` keeps it: valid, or revoked a day ago. */
const VALID = (one: Certificate) => `V\t491231235959Z\t\t${one.serialNumber()}\tunknown\t/CN=${one.serialNumber()}\n`;
const REVOKED = (one: Certificate) =>
  `R\t491231235959Z\t240101000000Z\t${one.serialNumber()}\tunknown\t/CN=${one.serialNumber()}\n`;

interface Wanted {
  readonly index: string;
  readonly signer?: PrivateCertificate;
  readonly about?: Certificate;
  /** Of the CertID. */
  readonly digest?: string;
}

/** Files for s_server, and the response. */
async function files({ index, signer = issuer, about = certificate, digest = "-sha1" }: Wanted) {
  const folder = scratch();
  const file = (name: string, data: string | Buffer) => {
    writeFileSync(join(folder, name), data);
    return join(folder, name);
  };
  const both = (one: PrivateCertificate) => Buffer.concat([one.privateKey.dump("PEM"), Buffer.from(one.dumpPEM())]);
  const names = {
    ca: file("ca.pem", issuer.dumpPEM()),
    server: file("server.pem", both(certificate)),
    subject: file("subject.pem", about.dumpPEM()),
    signer: file("signer.pem", both(signer)),
    index: file("index.txt", index),
    response: join(folder, "response.der"),
  };
  const program = new Program(need("openssl"), [
    ...["ocsp", "-index", names.index, "-CA", names.ca, "-rsigner", names.signer, "-rkey", names.signer],
    ...[digest, "-issuer", names.ca, "-cert", names.subject, "-no_nonce", "-ndays", "1"],
    ...["-respout", names.response, "-noverify"],
  ]);
  expect(await program.exited, program.stderr).toEqual({ code: 0, signal: null });
  return names;
}

async function staples(wanted: Wanted, version: string) {
  const { ca, server, response } = await files(wanted);
  const port = await freePort();
  const own = ["-cert", server, "-key", server, "-cert_chain", ca, "-status_file", response, "-rev", version];
  await accepting(port, new Program(need("openssl"), ["s_server", "-accept", `127.0.0.1:${port}`, ...own]));
  const tls = optionsForClientTLS("localhost", { trustRoot: root, requireOCSP: true });
  const outcome = await (await dialTLS(reactor(), port, tls, new SecureRecorder())).outcome();
  return outcome instanceof Error
    ? outcome
    : { ...outcome, same: outcome.ocspResponse?.equals(readFileSync(response)) };
}

describe.each(["-tls1_2", "-tls1_3"])("s_server %s staples what openssl ocsp has signed", (version) => {
  const index = VALID(certificate) + VALID(other);

  it.each([
    ["the issuer's", { index }],
    ["a delegated responder's", { index, signer: delegate }],
    ["one with a CertID of SHA-256", { index, digest: "-sha256" }],
  ])("which is good: %s", async (_, wanted) => {
    expect(await staples(wanted, version)).toMatchObject({ same: true });
  });

  it.each([
    ["revoked", { index: REVOKED(certificate) }, "ERR_TLS_CERT_REVOKED"],
    ["unknown", { index: VALID(other) }, "ERR_TLS_OCSP_UNKNOWN"],
    ["of another certificate", { index, about: other }, "ERR_TLS_OCSP_WRONG_CERT"],
    ["a stranger's", { index, signer: stranger }, "ERR_TLS_OCSP_WRONG_SIGNER"],
    ["a responder's without OCSPSigning", { index, signer: servant }, "ERR_TLS_OCSP_WRONG_SIGNER"],
  ])("which is refused: %s", async (_, wanted, code) => {
    expect(await staples(wanted, version)).toMatchObject({ code });
  });
});
