/** Policies, shapers and forwarders around real connections. */

import { expect, test } from "vitest";
import { Bucket, FilterByHost, ShapedProtocolFactory } from "../../src/entries/protocols/htb.ts";
import {
  LimitConnectionsByPeer,
  LimitTotalConnectionsFactory,
  ThrottlingFactory,
  TimeoutFactory,
  WrappingFactory,
} from "../../src/entries/protocols/policies.ts";
import { ConnectionDone } from "../../src/internet/error.ts";
import type { ServerFactoryLike, Transport } from "../../src/internet/interfaces.ts";
import { Factory } from "../../src/internet/protocol.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { type ProxyClient, ProxyFactory, ProxyServer } from "../../src/protocols/portforward.ts";
import { Echo } from "../../src/protocols/wire.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { freePort } from "../helpers/freeport.ts";
import { Gate, settled, until } from "../helpers/gate.ts";
import { Peer, PeerServer } from "../helpers/peer.ts";
import { forEachReactor, takeLog } from "../helpers/reactors.ts";
import { HalfRecorder, Recorder, Server } from "../helpers/recorder.ts";
import { loopback } from "../helpers/world.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

const listen = (reactor: EngineReactor, factory: ServerFactoryLike): number =>
  reactor.listenTCP(0, factory, { interface: loopback() }).getHost().port;

/** Write the flow as fast as `peer` takes it, and end. */
async function pour(peer: Peer, length: number): Promise<void> {
  for (let at = 0; at < length; at += 64 * KIB) {
    if (peer.socket.write(flow(64 * KIB, at))) continue;
    await new Promise((resolve) => peer.socket.once("drain", resolve));
  }
  peer.end();
}

/** Bytes that the kernel has taken. */
const sentBy = ({ socket }: Peer): number => socket.bytesWritten - socket.writableLength;

forEachReactor((make) => {
  test("a wrapper passes on every byte both ways, lent or owned", async () => {
    const reactor = make();
    const port = listen(reactor, new WrappingFactory(new WrappingFactory(Factory.forProtocol(Echo))));
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { check });
    await pour(peer, 8 * MIB);
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([8 * MIB, -1]);

    const owners = new Server(() => new Recorder());
    const other = await Peer.connect(listen(reactor, new WrappingFactory(owners)));
    const owner = await owners.next();
    other.write("one ");
    await owner.arrived.reaches(4);
    other.write("two");
    await owner.arrived.reaches(7);
    expect(owner.text).toBe("one two");
  });

  test("a half-close goes through a wrapper in both directions", async () => {
    const factory = new Server(() => new HalfRecorder());
    const peer = await Peer.connect(listen(make(), new WrappingFactory(factory)));
    const protocol = await factory.next();
    peer.end("question");
    await protocol.readEnded.promise;
    protocol.transport.write("answer");
    protocol.transport.loseWriteConnection();
    expect(await peer.rest()).toBe("answer");
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect(protocol.calls).toEqual([
      "connectionMade",
      "dataReceived",
      "readConnectionLost",
      "writeConnectionLost",
      "connectionLost",
    ]);
  });

  test("a wrapped protocol that is not half-closeable closes with its peer", async () => {
    const factory = new Server(() => new Recorder());
    const peer = await Peer.connect(listen(make(), new WrappingFactory(factory)));
    const protocol = await factory.next();
    peer.end();
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
  });

  test("an exception or a later rejection of a wrapped protocol ends its connection", async () => {
    const factory = new Server(() => {
      const protocol = new Recorder();
      protocol.onData = () => {
        throw new Error("thrown");
      };
      return protocol;
    });
    const reactor = make();
    const peer = await Peer.connect(listen(reactor, new WrappingFactory(factory)));
    peer.write("x");
    expect(await (await factory.next()).lossError()).toMatchObject({ message: "thrown" });
    class Async extends Recorder {
      override async dataReceived(): Promise<void> {
        throw new Error("rejected");
      }
    }
    const rejecting = new Server(() => new Async());
    const other = await Peer.connect(listen(reactor, new WrappingFactory(rejecting)));
    other.write("x");
    expect(await (await rejecting.next()).lossError()).toMatchObject({ message: "rejected" });
    expect(takeLog()).toHaveLength(2);
  });

  test("a protocol switched to behind a wrapper is lent no bytes unless it borrows", async () => {
    const next = new Recorder();
    class Greeter extends Echo {
      override dataReceived(): void {
        this.transport.unregisterProducer();
        this.transport.switchProtocol(next);
      }
    }
    const factory = new WrappingFactory(Factory.forProtocol(Greeter));
    const peer = await Peer.connect(listen(make(), factory));
    peer.write("switch");
    await next.made.promise;
    peer.write("first ");
    await next.arrived.reaches(6);
    peer.write("second");
    await next.arrived.reaches(12);
    expect(next.text).toBe("first second");
    peer.end();
    await next.lost.promise;
    expect(factory.protocols.size).toBe(0);
  });

  test("connections beyond a limit are closed, and one more is served when one is lost", async () => {
    const total = LimitTotalConnectionsFactory.forProtocol(Echo);
    total.connectionLimit = 2;
    const byPeer = new LimitConnectionsByPeer(Factory.forProtocol(Echo));
    byPeer.maxConnectionsPerPeer = 2;
    const throttling = new ThrottlingFactory(Factory.forProtocol(Echo), { maxConnectionCount: 2 });
    const reactor = make();
    for (const factory of [total, byPeer, throttling]) {
      const port = listen(reactor, factory);
      const served = async (): Promise<Peer> => {
        const peer = await Peer.connect(port);
        peer.write("x");
        expect(await peer.take(1)).toBe("x");
        return peer;
      };
      const first = await served();
      await served();
      // It may be closed so early that the attempt itself fails.
      await Peer.connect(port).then(
        (third) => Promise.race([third.ended, third.closed]),
        (error) => expect(error).toMatchObject({ code: "ECONNRESET" }),
      );
      first.end();
      await first.closed;
      await served();
    }
  });

  test("an idle connection is closed after its timeout", async () => {
    const reactor = make();
    const protocols = new Server(() => new Recorder());
    const peer = await Peer.connect(listen(reactor, new TimeoutFactory(protocols, 0.05, reactor)));
    const before = reactor.seconds();
    expect(await (await protocols.next()).lossError()).toBeInstanceOf(ConnectionDone);
    expect(reactor.seconds() - before).toBeGreaterThan(0.02);
    await peer.ended;
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  test("throttling passes everything on, at its rate", async () => {
    const reactor = make();
    const factory = new ThrottlingFactory(Factory.forProtocol(Echo), {
      readLimit: 2 * MIB,
      writeLimit: 2 * MIB,
      clock: reactor,
    });
    const check = new FlowCheck();
    const peer = await Peer.connect(listen(reactor, factory), { check });
    const before = reactor.seconds();
    await pour(peer, 3 * MIB);
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([3 * MIB, -1]);
    // One second's worth may pass at once.
    expect(reactor.seconds() - before).toBeGreaterThan(0.45);
  });

  test("shaping passes everything on, at its rate", async () => {
    const reactor = make();
    class Mebibytes extends Bucket {
      override maxburst = 256 * KIB;
      override rate = 4 * MIB;
    }
    const filter = new FilterByHost(null, reactor);
    filter.bucketFactory = Mebibytes;
    const check = new FlowCheck();
    const port = listen(reactor, new ShapedProtocolFactory(Factory.forProtocol(Echo), filter, reactor));
    const peer = await Peer.connect(port, { check });
    const before = reactor.seconds();
    await pour(peer, 2 * MIB);
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([2 * MIB, -1]);
    expect(reactor.seconds() - before).toBeGreaterThan(0.35);
  });

  test("a forwarder passes on 8 MiB in both directions at once, and both half-closes", async () => {
    const reactor = make();
    const target = await PeerServer.listen({ reading: false });
    const forwarder = listen(reactor, new ProxyFactory(loopback(), target.port, { reactor }));
    const there = new FlowCheck();
    const back = new FlowCheck();
    const near = await Peer.connect(forwarder, { check: back });
    const far = await target.accepted();
    far.socket.on("data", (data: Buffer) => there.take(data));
    await Promise.all([pour(near, 8 * MIB), pour(far, 8 * MIB), near.ended, far.ended]);
    expect([there.at, there.firstWrong, back.at, back.firstWrong]).toEqual([8 * MIB, -1, 8 * MIB, -1]);
    await Promise.all([near.closed, far.closed]);
  });

  test("a forwarder queues little for a slow reader, and loses nothing", async () => {
    const reactor = make();
    const target = await PeerServer.listen({ reading: false });
    const forwarder = listen(reactor, new ProxyFactory(loopback(), target.port, { reactor }));
    const near = await Peer.connect(forwarder);
    const far = await target.accepted();
    const LENGTH = 64 * MIB;
    const blocks = reactor.stats().blocksAllocated;
    const poured = pour(near, LENGTH);
    // What the kernel's buffers and the forwarder hold together, once nothing moves any more.
    await until(() => sentBy(near) > 256 * KIB);
    const stuck = await settled(() => sentBy(near));
    expect(stuck).toBeLessThan(LENGTH / 2);
    expect(reactor.stats().blocksAllocated - blocks).toBeLessThan(16);
    const check = new FlowCheck();
    far.socket.on("data", (data: Buffer) => check.take(data));
    await Promise.all([poured, far.ended]);
    expect([check.at, check.firstWrong]).toEqual([LENGTH, -1]);
  });

  test("a forwarder delivers a request whose sender half-closed before the target was connected, and the answer", async () => {
    const reactor = make();
    const target = await PeerServer.listen();
    const near = await Peer.connect(listen(reactor, new ProxyFactory(loopback(), target.port, { reactor })));
    near.end("question");
    const far = await target.accepted();
    expect(await far.rest()).toBe("question");
    far.end("answer");
    expect(await near.rest()).toBe("answer");
    await Promise.all([near.closed, far.closed]);
  });

  test("a forwarder closes a side when the other is lost, also with so much queued that it paused the other", async () => {
    const held = new Gate<Transport>();
    class Watching extends ProxyServer {
      override setPeer(peer: ProxyClient): void {
        super.setPeer(peer);
        const { transport } = peer;
        const pause = transport.pauseProducing;
        transport.pauseProducing = () => {
          held.open(transport);
          pause.call(transport);
        };
      }
    }
    const reactor = make();
    const target = await PeerServer.listen({ reading: false });
    const factory = new ProxyFactory(loopback(), target.port, { reactor });
    factory.protocol = Watching;
    const near = await Peer.connect(listen(reactor, factory), { reading: false });
    const far = await target.accepted();
    void pour(far, 64 * MIB);
    (await held.promise).abortConnection();
    await far.closed;
    near.read();
    await near.ended;
    expect(near.arrived.count).toBeGreaterThan(64 * KIB);
  });

  test("a forwarder drops its client when the target refuses, and logs it", async () => {
    const reactor = make();
    const near = await Peer.connect(listen(reactor, new ProxyFactory(loopback(), await freePort(), { reactor })));
    await near.ended;
    expect(takeLog()).toEqual([
      expect.stringMatching(/^A connection from 127\.0\.0\.1:\d+ cannot be forwarded: Cannot connect to 127\.0\.0\.1:/),
    ]);
  });
});
