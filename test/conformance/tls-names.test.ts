/** Which certificate a server shows a client: by the name that it announces, or as the program says. */
import { expect, test } from "vitest";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import type { CertificateOptions, CertificateOptionsInit, ServerNameAnswer } from "../../src/internet/tls/options.ts";
import type { ClientWish } from "../../src/internet/tls/policy.ts";
import { Gate, turns } from "../helpers/gate.ts";
import { takeLog } from "../helpers/reactors.ts";
import {
  authority,
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  HOST,
  pairTLS,
  Secure,
  serverTLS,
  serveTLS,
  TLSPeer,
} from "../helpers/secure.ts";

const other = authority.issue("other.example");
const wild = authority.issue("*.wild.example");
const OTHER = serverTLS({ certificate: other, acceptableProtocols: ["other"] });
const WILD = serverTLS({ certificate: wild });

/** The subject of what the server of node:tls's client saw. */
function shown(peer: TLSPeer): string {
  return String(peer.tls.getPeerCertificate().subject.CN);
}

type OnClient = NonNullable<CertificateOptionsInit["onClient"]>;

/** Answers later. */
function onClientFor(nested: CertificateOptions): OnClient {
  return async ({ serverName }) => {
    await turns(1);
    return serverName === HOST ? {} : { options: nested };
  };
}

forEachTLSReactor((make) => {
  test("by a map: each announced name gets its certificate, and any other name the server's own", async () => {
    const { port } = serveTLS(
      make(),
      () => new Secure(),
      serverTLS({ serverNames: { "Other.Example": OTHER, "*.wild.example": WILD } }),
    );
    const asked: [string, string][] = [
      [HOST, HOST],
      ["other.example", "other.example"],
      ["OTHER.example", "other.example"],
      ["a.wild.example", "*.wild.example"],
      ["B.WILD.example", "*.wild.example"],
      ["a.b.wild.example", HOST],
      ["wild.example", HOST],
      ["unknown.example", HOST],
    ];
    const seen: [string, string][] = [];
    for (const [servername] of asked) {
      const peer = await TLSPeer.secure(port, { tls: { servername, rejectUnauthorized: false } });
      seen.push([servername, shown(peer)]);
      peer.end();
    }
    expect(seen).toEqual(asked);
  });

  for (const [how, rest] of [
    ["serverNames", (nested: CertificateOptions) => ({ serverNames: { "*.wild.example": nested } })],
    ["onClient", (nested: CertificateOptions) => ({ onClient: onClientFor(nested) })],
  ] as const) {
    test(`keyLog of the options that a client gets by ${how} is called with its secrets, and no other`, async () => {
      const logged: [string, string][] = [];
      const into = (whose: string) => ({ keyLog: (lines: string) => logged.push([whose, lines]) as never });
      const nested = serverTLS({ certificate: wild, ...into("nested") });
      const { port, next } = serveTLS(make(), () => new Secure(), serverTLS({ ...into("own"), ...rest(nested) }));
      for (const [servername, whose] of [
        ["a.wild.example", "nested"],
        [HOST, "own"],
      ] as const) {
        await TLSPeer.secure(port, { tls: { servername, rejectUnauthorized: false } });
        await (await next()).secured.promise;
        expect(new Set(logged.map(([who]) => who))).toEqual(new Set([whose]));
        expect(logged.map(([, lines]) => lines).join("")).toMatch(/^SERVER_HANDSHAKE_TRAFFIC_SECRET /m);
        logged.length = 0;
      }
    });
  }

  test("a client that announces no name gets the server's own certificate", async () => {
    const { port, next } = serveTLS(make(), () => new Secure(), serverTLS({ serverNames: { "other.example": OTHER } }));
    const peer = await TLSPeer.secure(port, { tls: { servername: "", rejectUnauthorized: false } });
    expect(shown(peer)).toBe(HOST);
    const protocol = await next();
    await protocol.secured.promise;
    expect(protocol.tls.getTLSInfo()).toMatchObject({ serverName: "" });
  });

  test("a client of an address announces no name, and one of a name announces it in ASCII, in lower case, without its dot", async () => {
    const reactor = make();
    for (const [host, serverName] of [
      ["127.0.0.1", ""],
      ["::1", ""],
      [HOST, HOST],
      ["LOCALHOST.", HOST],
    ] as const) {
      const [client, server] = await pairTLS(reactor, new Secure(), new Secure(), { ofClient: clientTLS({}, host) });
      expect(server.tls.getTLSInfo()).toMatchObject({ serverName });
      client.transport.loseConnection();
      await server.lost.promise;
    }
  });

  test("the protocols of ALPN are those of the options that the name has chosen", async () => {
    const [client, server] = await pairTLS(make(), new Secure(), new Secure(), {
      ofClient: clientTLS({ acceptableProtocols: ["other", "own"] }, "other.example"),
      ofServer: serverTLS({ acceptableProtocols: ["own"], serverNames: { "other.example": OTHER } }),
    });
    expect([client.tls.negotiatedProtocol, server.tls.negotiatedProtocol]).toEqual(["other", "other"]);
    client.transport.loseConnection();
    await server.lost.promise;
  });

  test("by a function: it is told the name and the protocols, and chooses the options and the protocol", async () => {
    const wishes: ClientWish[] = [];
    const onClient: OnClient = (wish) => {
      wishes.push(wish);
      return { options: OTHER, protocol: "b" };
    };
    const [client, server] = await pairTLS(make(), new Secure(), new Secure(), {
      ofClient: clientTLS({ acceptableProtocols: ["a", "b"] }, "other.example"),
      ofServer: serverTLS({ onClient }),
    });
    expect(wishes).toEqual([{ serverName: "other.example", protocols: ["a", "b"] }]);
    expect([client.tls.negotiatedProtocol, server.tls.negotiatedProtocol]).toEqual(["b", "b"]);
    expect(client.tls.getPeerCertificateChain()).toEqual([other.dump()]);
    client.transport.loseConnection();
    await server.lost.promise;
  });

  test("by a function that answers nothing: the server's own certificate", async () => {
    for (const answer of [undefined, {}, { options: undefined }] as unknown as ServerNameAnswer[]) {
      const [client, server] = await pairTLS(make(), new Secure(), new Secure(), {
        ofServer: serverTLS({ onClient: () => answer }),
      });
      client.transport.loseConnection();
      await server.lost.promise;
    }
  });

  test("by a function that answers late: others are served meanwhile, and bytes that came behind the hello are kept", async () => {
    const late = new Gate<ServerNameAnswer>();
    const onClient: OnClient = ({ serverName }) => (serverName === HOST ? {} : late.promise);
    const reactor = make();
    const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS({ onClient }));
    const waiting = new Secure();
    waiting.onMade = () => waiting.transport.write("early");
    await dialTLS(reactor, port, waiting, clientTLS({}, "other.example"));
    const itsServer = await next();
    const quick = await TLSPeer.secure(port);
    quick.end("hello");
    const quickServer = await next();
    await quickServer.lost.promise;
    expect(quickServer.text).toBe("hello");
    expect([waiting.calls, itsServer.calls]).toEqual([["connectionMade"], ["connectionMade"]]);
    late.open({ options: OTHER });
    await itsServer.arrived.reaches(5);
    expect(itsServer.text).toBe("early");
    waiting.transport.loseConnection();
    await itsServer.lost.promise;
  });

  test("by a function that never answers: the client is lost at the handshake timeout", async () => {
    const onClient: OnClient = () => new Promise(() => undefined);
    const reactor = make();
    const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS({ onClient, handshakeTimeout: 0.2 }));
    const client = await dialTLS(reactor, port, new Secure());
    const server = await next();
    expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_HANDSHAKE_TIMEOUT" });
    await client.lost.promise;
    expect([client.calls, server.calls]).toEqual(Array(2).fill(["connectionMade", "connectionLost"]));
  });

  for (const [how, onClient] of [
    [
      "throws",
      () => {
        throw new Error("no answer");
      },
    ],
    ["is rejected", () => Promise.reject(new Error("no answer"))],
    ["answers what are no options", () => ({ options: {} }) as never],
    ["answers with a number", () => ({ protocol: 3 }) as never],
  ] as const satisfies readonly (readonly [string, OnClient])[]) {
    test(`by a function that ${how}: this client is told internal_error, and the next one is served`, async () => {
      const reactor = make();
      let broken = true;
      const { port, next } = serveTLS(
        reactor,
        () => new Secure(),
        serverTLS({ onClient: (wish) => (broken ? (onClient as OnClient)(wish) : {}) }),
      );
      const client = await dialTLS(reactor, port, new Secure());
      const server = await next();
      expect(await client.lossError()).toMatchObject({ code: "ERR_TLS_ALERT", alertReceived: "internal_error" });
      expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_REFUSED", alertSent: "internal_error" });
      expect(takeLog()).toEqual([expect.stringContaining("could not choose for")]);
      broken = false;
      const peer = await TLSPeer.secure(port);
      peer.end();
      await (await next()).lost.promise;
      expect([client.calls, server.calls]).toEqual(Array(2).fill(["connectionMade", "connectionLost"]));
    });
  }

  test("by a function that refuses: the client is told unrecognized_name", async () => {
    const reactor = make();
    const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS({ onClient: () => ({ options: null }) }));
    const client = await dialTLS(reactor, port, new Secure());
    const server = await next();
    expect(await client.lossError()).toMatchObject({ code: "ERR_TLS_ALERT", alertReceived: "unrecognized_name" });
    expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_REFUSED", alertSent: "unrecognized_name" });
    expect([client.calls, server.calls]).toEqual(Array(2).fill(["connectionMade", "connectionLost"]));
  });

  for (const [who, end] of [
    ["the client has gone", (client: Secure) => client.transport.abortConnection()],
    ["the server's program has aborted", (_client: Secure, server: Secure) => server.transport.abortConnection()],
    ["the server's program has closed", (_client: Secure, server: Secure) => server.transport.loseConnection()],
  ] as const) {
    test(`by a function that answers when ${who}: nothing comes of it`, async () => {
      for (const how of ["answers", "refuses", "rejects"] as const) {
        const late = new Gate<ServerNameAnswer>();
        const asked = new Gate();
        const onClient: OnClient = async () => {
          asked.open();
          const answer = await late.promise;
          if (how === "rejects") throw new Error("too late");
          return answer;
        };
        const [client, server] = await asking(make(), onClient);
        await asked.promise;
        end(client, server);
        if (who.startsWith("the server's program has closed")) await turns(5);
        else await Promise.all([client.lost.promise, server.lost.promise]);
        late.open(how === "refuses" ? { options: null } : {});
        await turns(5);
        client.transport?.abortConnection();
        await Promise.all([client.lost.promise, server.lost.promise]);
        expect([client.losses, server.losses]).toEqual([1, 1]);
        const log = takeLog();
        if (how === "rejects") expect(log).toEqual([expect.stringContaining("could not choose for")]);
        else expect(log).toEqual([]);
      }
    });
  }

  async function asking(reactor: EngineReactor, onClient: OnClient): Promise<[Secure, Secure]> {
    const { port, next } = serveTLS(reactor, () => new Secure(), serverTLS({ onClient }));
    const client = await dialTLS(reactor, port, new Secure());
    return [client, await next()];
  }
});
