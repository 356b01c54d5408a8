/** Transports, ports and connectors that a program keeps after their end: they answer from memory, and reach nobody else. */

import { expect, test } from "vitest";
import type { Transport } from "../../src/internet/interfaces.ts";
import type { TcpConnection } from "../../src/internet/stream/connection.ts";
import { turns } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { FAMILIES, forEachReactor } from "../helpers/reactors.ts";
import { Client, dial, HalfRecorder, pair, Recorder, serve } from "../helpers/recorder.ts";
import { volume } from "../helpers/volume.ts";
import { loopback, world } from "../helpers/world.ts";

/** Every member of a transport, used. */
const USES: Readonly<Record<keyof Transport, (transport: Transport) => unknown>> = {
  write: (transport) => transport.write("secret of the first client"),
  writeSequence: (transport) => transport.writeSequence(["more", Buffer.alloc(128 * 1024)]),
  getPeer: (transport) => transport.getPeer(),
  getHost: (transport) => transport.getHost(),
  setTcpNoDelay: (transport) => transport.setTcpNoDelay(false),
  getTcpNoDelay: (transport) => transport.getTcpNoDelay(),
  setTcpKeepAlive: (transport) => transport.setTcpKeepAlive(true),
  getTcpKeepAlive: (transport) => transport.getTcpKeepAlive(),
  pauseProducing: (transport) => transport.pauseProducing(),
  resumeProducing: (transport) => transport.resumeProducing(),
  registerProducer: (transport) =>
    transport.registerProducer({ resumeProducing() {}, pauseProducing() {}, stopProducing() {} }, true),
  unregisterProducer: (transport) => transport.unregisterProducer(),
  loseWriteConnection: (transport) => transport.loseWriteConnection(),
  switchProtocol: (transport) => transport.switchProtocol(new Recorder()),
  disconnecting: (transport) => transport.disconnecting,
  stopProducing: (transport) => transport.stopProducing(),
  loseConnection: (transport) => transport.loseConnection(),
  abortConnection: (transport) => transport.abortConnection(),
};

function useAll(transport: Transport): void {
  for (const use of Object.values(USES)) use(transport);
}

forEachReactor((make) => {
  test("both ends have both addresses from connectionMade() to long after connectionLost()", async () => {
    const everywhere = world().family === "IPv4" ? "" : "::";
    for (const listenOn of [loopback(), everywhere]) {
      const reactor = make();
      const seen: string[][] = [[], []];
      const look = (protocol: Recorder, side: number) => () => {
        seen[side]!.push(`${protocol.transport.getHost()} ${protocol.transport.getPeer()}`);
      };
      const ends = [new Recorder(), new Recorder()] as const;
      for (const [side, end] of ends.entries()) {
        end.onMade = look(end, side);
        end.onLost = look(end, side);
      }
      const [client, server] = ends;
      const { port } = serve(reactor, () => server, { interface: listenOn });
      await dial(reactor, port, client);
      await server.made.promise;
      client.transport.abortConnection();
      await Promise.all([client.lost.promise, server.lost.promise]);
      await turns(2);
      for (const [side, end] of ends.entries()) look(end, side)();
      const [host, peer] = [client.transport.getHost(), client.transport.getPeer()];
      expect(host.port).toBeGreaterThan(0);
      expect(host.host).toBe(loopback());
      expect(peer.port).toBe(port);
      expect(seen[0]).toEqual(Array(3).fill(`${host} ${peer}`));
      expect(seen[1]).toEqual(Array(3).fill(`${peer} ${host}`));
    }
  });

  test("a connection of a port on one interface has the port's address, and of a port on all interfaces its own", async () => {
    const reactor = make();
    const [client, server] = await pair(reactor, new Recorder(), new Recorder());
    expect(String(server.transport.getHost())).toBe(String(client.transport.getPeer()));
    const everywhere = serve(reactor, () => new Recorder(), { interface: world().family === "IPv4" ? "" : "::" });
    const dialled = await dial(reactor, everywhere.port, new Recorder());
    const accepted = await everywhere.next();
    await accepted.made.promise;
    expect(String(accepted.transport.getHost())).toBe(String(dialled.transport.getPeer()));
  });

  test.each(["closed", "aborted", "ended by its peer"])("a transport that was %s has no handle", async (how) => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const kept = await next();
    const { transport } = kept;
    if (how === "closed") transport.loseConnection();
    else if (how === "aborted") transport.abortConnection();
    else peer.end();
    await kept.lost.promise;
    expect((transport as TcpConnection).handle).toBe(-1);
    useAll(transport);
    expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([false, true]);
    await turns(2);
    expect(kept.calls).toEqual(["connectionMade", "connectionLost"]);
  });

  test("a stale transport never affects connections that reuse its slot", async () => {
    const { port, next } = serve(make(), () => new HalfRecorder());
    const first = await Peer.connect(port);
    const old = await next();
    first.end();
    old.transport.loseConnection();
    await old.lost.promise;
    // The names of a slot come round after 2,048 connections.
    const rounds = volume({ gate: 20, long: 2_100 });
    for (let round = 0; round < rounds; round++) {
      const peer = await Peer.connect(port);
      const stranger = await next();
      await stranger.made.promise;
      useAll(old.transport);
      stranger.transport.write("mine");
      expect(await peer.take(4)).toBe("mine");
      expect(stranger.calls).toEqual(["connectionMade"]);
      peer.end();
      await stranger.readEnded.promise;
      stranger.transport.loseConnection();
      await stranger.lost.promise;
      await peer.closed;
    }
  });

  test("stale connectors and ports do not affect later ones", async () => {
    const reactor = make();
    const { port, listening, next } = serve(reactor, () => new Recorder());
    const factory = new Client(() => new Recorder());
    const connector = reactor.connectTCP(loopback(), port, factory);
    const client = await factory.next();
    await client.made.promise;
    connector.disconnect();
    await client.lost.promise;
    await (await next()).lost.promise;
    await listening.stopListening();
    const [mine, theirs] = await pair(reactor, new Recorder(), new Recorder());
    connector.disconnect();
    await listening.stopListening();
    expect(() => connector.stopConnecting()).toThrow();
    mine.transport.write("still here");
    await theirs.arrived.reaches(10);
    expect([mine.losses, theirs.losses]).toEqual([0, 0]);
    expect(listening.getHost().port).toBe(port);
  });
}, FAMILIES);
