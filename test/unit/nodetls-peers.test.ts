/** TLS of the engine over node:net with wrong peers: the codes of the errors are those of the other reactors. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NodeReactor } from "../../src/internet/reactor/node.ts";
import type { CertificateOptionsInit } from "../../src/internet/tls/options.ts";
import { testReactor } from "../helpers/interop.ts";
import { closePeers, Peer } from "../helpers/peer.ts";
import {
  Authority,
  authority,
  clientCertificate,
  clientTLS,
  dialTLS,
  Secure,
  serverTLS,
  serveTLS,
} from "../helpers/secure.ts";
import { enter, KernelWorld } from "../helpers/world.ts";

beforeEach(() => enter(new KernelWorld("IPv4", () => new NodeReactor())));
const reactor = testReactor(() => new NodeReactor());
afterEach(closePeers);

const stranger = new Authority("A stranger");
const requires: CertificateOptionsInit = { trustRoot: authority.certificate };

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (version) => {
  const limits = { raiseMinimumTo: version, lowerMaximumSecurityTo: version } as const;

  it.each([
    ["of a stranger's", stranger.issue("localhost"), "ERR_TLS_CERT_UNKNOWN_ISSUER"],
    ["that has expired", authority.issue("localhost", { seconds: -200 }), "ERR_TLS_CERT_EXPIRED"],
    ["for another name", authority.issue("other.example"), "ERR_TLS_CERT_WRONG_NAME"],
    ["for clients only", authority.issue("localhost", { uses: ["client"] }), "ERR_TLS_CERT_WRONG_PURPOSE"],
  ])("a server's certificate %s is refused before anything is told", async (_, certificate, code) => {
    const client = new Secure();
    const { port } = serveTLS(reactor(), () => new Secure(), serverTLS({ ...limits, certificate }));
    await dialTLS(reactor(), port, client, clientTLS());
    expect(await client.lossError()).toMatchObject({ code });
    expect(client.calls).toEqual(["connectionMade", "connectionLost"]);
  });

  it.each([
    ["of a stranger's", stranger.issue("eve", { uses: ["client"] }), "ERR_TLS_CERT_UNKNOWN_ISSUER"],
    ["that has expired", authority.issue("ada", { uses: ["client"], seconds: -200 }), "ERR_TLS_CERT_EXPIRED"],
    ["for servers only", authority.issue("s", { uses: ["server"] }), "ERR_TLS_CERT_WRONG_PURPOSE"],
  ])("a client's certificate %s is refused before anything is told", async (_, certificate, code) => {
    for (const clientCertificates of ["require", "request"] as const) {
      const options = serverTLS({ ...limits, ...requires, clientCertificate: clientCertificates });
      const { port, next } = serveTLS(reactor(), () => new Secure(), options);
      const client = new Secure();
      client.onSecured = () => client.transport.write("early");
      await dialTLS(reactor(), port, client, clientTLS({ clientCertificate: certificate }));
      const server = await next();
      expect(await server.lossError()).toMatchObject({ code });
      expect(server.calls).toEqual(["connectionMade", "connectionLost"]);
      expect(await client.lossError()).toMatchObject({ name: "TLSError" });
    }
  });

  it("one connection's failure touches no other", async () => {
    const { port, next } = serveTLS(reactor(), () => new Secure(), serverTLS({ ...limits, ...requires }));
    const good = new Secure();
    await dialTLS(reactor(), port, good, clientTLS({ clientCertificate }));
    const kept = await next();
    await kept.secured.promise;
    (await Peer.connect(port)).write("GET / HTTP/1.1\r\n\r\n");
    expect(await (await next()).lossError()).toMatchObject({ code: "ERR_TLS_NOT_TLS" });
    expect([good.tls.getTLSInfo()?.version, kept.tls.getTLSInfo()?.version]).toEqual([version, version]);
  });
});
