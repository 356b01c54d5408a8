/** How connections with TLS end: by closing records of either side, and by ends that nobody has announced. */
import { expect, test } from "vitest";
import { ConnectionAborted, ConnectionDone } from "../../src/internet/error.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { turns } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { takeLog } from "../helpers/reactors.ts";
import {
  clientTLS,
  dialTLS,
  forEachTLSReactor,
  pairTLS,
  Secure,
  SecureHalf,
  serverTLS,
  serveTLS,
  TLSPeer,
  VERSIONS,
  Way,
} from "../helpers/secure.ts";
import { volume } from "../helpers/volume.ts";

const MIB = 1024 * 1024;
/** What a stream has that is to arrive. */
const STREAM = volume({ gate: 4, long: 16 }) * MIB;
const ALERT = 21;

/** The types of the records in a stream of wire bytes. */
function recordTypes(wire: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + 5 <= wire.length; at += 5 + wire.readUInt16BE(at + 3)) types.push(wire[at]!);
  return types;
}

forEachTLSReactor((make) => {
  for (const version of VERSIONS) {
    const limits = { raiseMinimumTo: version, lowerMaximumSecurityTo: version } as const;
    const ofServer = serverTLS(limits);

    test(`${version}: loseConnection() sends what was written and a closing record, and is ConnectionDone at both ends`, async () => {
      const [client, server] = await pairTLS(make(), new Secure(), new SecureHalf(), { ofServer });
      server.transport.write("that was all");
      server.transport.loseConnection();
      expect(await client.lossError()).toBeInstanceOf(ConnectionDone);
      expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
      expect(client.text).toBe("that was all");
    });

    test(`${version}: either end may half-close, and goes on to receive`, async () => {
      const [client, server] = await pairTLS(make(), new SecureHalf(), new SecureHalf(), { ofServer });
      client.transport.write("question");
      client.transport.loseWriteConnection();
      await server.readEnded.promise;
      await client.writeEnded.promise;
      expect([client.losses, server.losses, server.text]).toEqual([0, 0, "question"]);
      server.transport.write("answer");
      await client.arrived.reaches(6);
      server.transport.loseWriteConnection();
      expect(await client.lossError()).toBeInstanceOf(ConnectionDone);
      expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
      expect(client.text).toBe("answer");
      for (const { calls } of [client, server]) {
        expect(calls.filter((call) => call === "readConnectionLost")).toHaveLength(1);
        expect(calls.filter((call) => call === "writeConnectionLost")).toHaveLength(1);
      }
    });

    test(`${version}: a half-close before the handshake waits for it, and the connection goes on to receive`, async () => {
      for (const halfClosing of ["client", "server"] as const) {
        const ends = { client: new SecureHalf(), server: new SecureHalf() };
        const one = ends[halfClosing];
        const other = halfClosing === "client" ? ends.server : ends.client;
        one.onMade = () => one.transport.loseWriteConnection();
        other.onMade = () => other.transport.write("hello");
        await pairTLS(make(), ends.client, ends.server, { ofServer });
        await Promise.all([one.arrived.reaches(5), one.writeEnded.promise, other.readEnded.promise]);
        expect([one.text, one.losses, other.losses]).toEqual(["hello", 0, 0]);
        other.transport.loseConnection();
        expect(await one.lossError()).toBeInstanceOf(ConnectionDone);
        expect(await other.lossError()).toBeInstanceOf(ConnectionDone);
      }
    });

    test(`${version}: half-closes with node:tls, each side first`, async () => {
      const reactor = make();
      const { port, next } = serveTLS(reactor, () => new SecureHalf(), ofServer);
      const check = new FlowCheck();
      const first = await TLSPeer.secure(port, { check });
      const server = await next();
      first.end("request");
      await server.readEnded.promise;
      expect(server.text).toBe("request");
      for (let at = 0; at < STREAM; at += MIB) server.transport.write(flow(MIB, at));
      server.transport.loseWriteConnection();
      await first.ended;
      expect([check.at, check.firstWrong]).toEqual([STREAM, -1]);
      expect(await server.lossError()).toBeInstanceOf(ConnectionDone);

      const second = await TLSPeer.secure(port);
      const other = await next();
      await other.made.promise;
      other.transport.write("that was all");
      other.transport.loseWriteConnection();
      expect(await second.rest()).toBe("that was all");
      second.write("not for me");
      await other.arrived.reaches(10);
      expect(other.losses).toBe(0);
      second.end();
      expect(await other.lossError()).toBeInstanceOf(ConnectionDone);
    });

    test(`${version}: an end without a closing record is ERR_TLS_TRUNCATED, and no ConnectionDone`, async () => {
      const reactor = make();
      const { port, next } = serveTLS(reactor, () => new SecureHalf(), ofServer);
      const way = await Way.to(port);
      const client = new SecureHalf();
      const connecting = dialTLS(reactor, way.port, client);
      const { near, far } = await way.next();
      await connecting;
      const server = await next();
      await Promise.all([client.secured.promise, server.secured.promise]);
      client.transport.write("half of it");
      server.transport.write("half of it");
      await Promise.all([client.arrived.reaches(10), server.arrived.reaches(10)]);
      far.end();
      near.end();
      for (const end of [client, server]) {
        expect(await end.lossError()).toMatchObject({ code: "ERR_TLS_TRUNCATED" });
        expect(end.calls).not.toContain("readConnectionLost");
        expect(end.text).toBe("half of it");
      }
    });

    test(`${version}: a truncated end behind a pause is told on resumption, behind the bytes before it`, async () => {
      const { port, next } = serveTLS(make(), () => new SecureHalf(), ofServer);
      const way = await Way.to(port);
      const peer = TLSPeer.begin(way.port);
      const { far } = await way.next();
      await peer.secured;
      const server = await next();
      await server.secured.promise;
      server.transport.pauseProducing();
      peer.write("held");
      await turns(10);
      far.end();
      await turns(10);
      expect(server.calls).toEqual(["connectionMade", "handshakeCompleted"]);
      server.transport.resumeProducing();
      expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_TRUNCATED" });
      expect(server.text).toBe("held");
    });

    test(`${version}: after our own loseWriteConnection() an end without a closing record is ERR_TLS_TRUNCATED still`, async () => {
      const { port, next } = serveTLS(make(), () => new SecureHalf(), ofServer);
      const way = await Way.to(port);
      const peer = TLSPeer.begin(way.port);
      const { far } = await way.next();
      await peer.secured;
      const server = await next();
      await server.secured.promise;
      server.transport.write("question");
      server.transport.loseWriteConnection();
      await server.writeEnded.promise;
      expect(await peer.take(8)).toBe("question");
      far.end();
      expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_TRUNCATED" });
      expect(server.calls).not.toContain("readConnectionLost");
    });

    test(`${version}: after our own loseConnection() the peer's end needs no closing record`, async () => {
      const { port, next } = serveTLS(make(), () => new Secure(), ofServer);
      const way = await Way.to(port);
      const peer = TLSPeer.begin(way.port);
      const { far } = await way.next();
      await peer.secured;
      const server = await next();
      await server.secured.promise;
      server.transport.write("bye");
      server.transport.loseConnection();
      far.end();
      expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
      expect(await peer.take(3)).toBe("bye");
    });

    test(`${version}: an end during the handshake is ERR_TLS_CUT_OFF`, async () => {
      const reactor = make();
      const { port, next } = serveTLS(reactor, () => new Secure(), ofServer);
      const way = await Way.to(port);
      const client = new Secure();
      const connecting = dialTLS(reactor, way.port, client);
      const { near, far } = await way.next((data, onward) => (onward ? data : Buffer.alloc(0)));
      await connecting;
      await far.arrived.reaches(0);
      const server = await next();
      await turns(10);
      near.end();
      far.end();
      expect(await client.lossError()).toMatchObject({ code: "ERR_TLS_CUT_OFF" });
      expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_CUT_OFF" });
      for (const { calls } of [client, server]) expect(calls).toEqual(["connectionMade", "connectionLost"]);
    });

    test(`${version}: abortConnection() sends no closing record: the other end is not told that this was all`, async () => {
      const [client, server] = await pairTLS(make(), new SecureHalf(), new Secure(), { ofServer });
      client.transport.write("half of it");
      server.transport.write("half of it");
      await Promise.all([client.arrived.reaches(10), server.arrived.reaches(10)]);
      server.transport.abortConnection();
      expect(await server.lossError()).toBeInstanceOf(ConnectionAborted);
      expect(await client.lossError()).not.toBeInstanceOf(ConnectionDone);
      expect(client.calls).not.toContain("readConnectionLost");
    });

    test(`${version}: a protocol that throws in handshakeCompleted(), or whose promise is rejected, loses its connection alone`, async () => {
      const reactor = make();
      for (const fails of [
        () => {
          throw new Error("hostile");
        },
        () => Promise.reject(new Error("hostile")),
      ]) {
        const [neighbour, itsPeer] = await pairTLS(reactor, new Secure(), new Secure(), { ofServer });
        const server = new Secure();
        server.onSecured = fails;
        const [client] = await pairTLS(reactor, new Secure(), server, { ofServer });
        expect(await server.lossError()).toMatchObject({ message: "hostile" });
        await client.lost.promise;
        expect(takeLog()).toEqual([expect.stringContaining("hostile")]);
        neighbour.transport.write("still here");
        await itsPeer.arrived.reaches(10);
        neighbour.transport.loseConnection();
        await itsPeer.lost.promise;
        expect([client.losses, server.losses]).toEqual([1, 1]);
      }
    });
  }

  test("the closing record is the last that is sent, before the FIN", async () => {
    const ofServer = serverTLS({ lowerMaximumSecurityTo: "TLSv1.2" });
    for (const how of ["loseConnection", "loseWriteConnection"] as const) {
      const { port, next } = serveTLS(make(), () => new SecureHalf(), ofServer);
      const way = await Way.to(port);
      const back: Buffer[] = [];
      const peer = TLSPeer.begin(way.port);
      await way.next((data, onward) => {
        if (!onward) back.push(data);
        return data;
      });
      await peer.secured;
      const server = await next();
      await server.secured.promise;
      server.transport.write("bye");
      server.transport[how]();
      await peer.ended;
      const types = recordTypes(Buffer.concat(back));
      expect(types.filter((type) => type === ALERT)).toHaveLength(1);
      expect(types.at(-1)).toBe(ALERT);
      peer.end();
      await server.lost.promise;
    }
  });

  test("a close does not wait for the peer's closing record", async () => {
    const { port, next } = serveTLS(make(), () => new Secure());
    const peer = await TLSPeer.secure(port);
    const server = await next();
    await server.secured.promise;
    peer.tls.pause();
    server.transport.loseConnection();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("a peer's closing record without a FIN is an end", async () => {
    const { port, next } = serveTLS(make(), () => new SecureHalf());
    const way = await Way.to(port);
    const peer = TLSPeer.begin(way.port);
    const { near, far } = await way.next();
    near.socket.removeAllListeners("end");
    await peer.secured;
    const server = await next();
    peer.end("that was all");
    await server.readEnded.promise;
    expect(server.text).toBe("that was all");
    server.transport.write("answer");
    expect(await peer.take(6)).toBe("answer");
    server.transport.loseConnection();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
    far.end();
  });

  test("bytes that are not TLS behind the peer's closing record are nothing to anybody", async () => {
    const { port, next } = serveTLS(make(), () => new SecureHalf());
    const way = await Way.to(port);
    const peer = TLSPeer.begin(way.port);
    const { near, far } = await way.next();
    near.socket.removeAllListeners("end");
    await peer.secured;
    const server = await next();
    peer.end("that was all");
    await server.readEnded.promise;
    far.write("garbage");
    await turns(5);
    expect(server.text).toBe("that was all");
    server.transport.loseConnection();
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("stop() closes connections in every state: handshaking, up, paused, with bytes unsent", async () => {
    const reactor = make();
    const { port, next } = serveTLS(reactor, () => new Secure());
    const silent = await Peer.connect(port);
    const [client, server] = await pairTLS(reactor, new Secure(), new Secure(), { ofClient: clientTLS() });
    const [paused, itsPeer] = await pairTLS(reactor, new Secure(), new Secure());
    paused.transport.pauseProducing();
    itsPeer.transport.write(flow(MIB));
    const handshaking = await next();
    await reactor[Symbol.asyncDispose]();
    for (const end of [handshaking, client, server, paused, itsPeer]) {
      await end.lost.promise;
      expect(end.losses).toBe(1);
    }
    await silent.ended;
  });
});
