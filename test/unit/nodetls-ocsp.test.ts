/** OCSP over node:tls, which verifies no response: what comes is handed out, and who requires one is told. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { NodeReactor } from "../../src/internet/reactor/node.ts";
import { optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { testReactor } from "../helpers/interop.ts";
import { answerOCSP } from "../helpers/ocsp.ts";
import { closePeers } from "../helpers/peer.ts";
import { certify, intermediate, rootAuthority } from "../helpers/pki.ts";
import { dialTLS, HOST, Secure, serverTLS, serveTLS, VERSIONS } from "../helpers/secure.ts";
import { enter, KernelWorld } from "../helpers/world.ts";

beforeEach(() => enter(new KernelWorld("IPv4", () => new NodeReactor())));
const reactor = testReactor(() => new NodeReactor());
afterEach(closePeers);

const root = rootAuthority();
const issuer = intermediate(root);
const certificate = certify(issuer, [HOST]);
const revoked = answerOCSP(certificate, issuer, { status: "revoked" });

it.each(VERSIONS)("%s: a response is handed out as it came", async (lowerMaximumSecurityTo) => {
  const { port, next } = serveTLS(
    reactor(),
    () => new Secure(),
    serverTLS({ certificate, extraCertChain: issuer, ocspResponse: revoked }),
  );
  const tls = optionsForClientTLS(HOST, { trustRoot: root, lowerMaximumSecurityTo, requestOCSP: true });
  const client = await dialTLS(reactor(), port, new Secure(), tls);
  const server = await next();
  await client.secured.promise;
  expect(client.tls.getTLSInfo()?.ocspResponse).toEqual(revoked);
  client.transport.loseConnection();
  await Promise.all([client.lost.promise, server.lost.promise]);
});

it("requireOCSP is refused", async () => {
  const { port } = serveTLS(reactor(), () => new Secure(), serverTLS({ certificate, extraCertChain: issuer }));
  const tls = optionsForClientTLS(HOST, { trustRoot: root, requireOCSP: true });
  await expect(dialTLS(reactor(), port, new Secure(), tls)).rejects.toMatchObject({
    code: "ERR_TLS_OPTIONS",
    message: "TLS cannot use requireOCSP (node:tls verifies no OCSP response).",
  });
});
