/** pauseProducing() and resumeProducing() on a transport: nothing arrives meanwhile, and nothing is lost. */

import { expect, test } from "vitest";
import { ConnectionDone } from "../../src/internet/error.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { settled, turns } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { FlowRecorder, HalfRecorder, pair, Recorder, serve } from "../helpers/recorder.ts";

const MIB = 1024 * 1024;
/** Which of two connections is first in a turn is the kernel's choice: enough for each to have been. */
const ROUNDS = 100;

interface Held {
  /** The connection that was paused in the turn in which `sent` was on its way to it. */
  readonly paused: Recorder;
  readonly itsPeer: Recorder;
}

/**
 * Two connections; whichever of them is told something first pauses the other one in the same turn. They end when their
 * peer does.
 */
async function pausedBeforeItsTurn(
  reactor: EngineReactor,
  send: (peer: Recorder) => void,
  build: () => HalfRecorder = () => new HalfRecorder(),
): Promise<Held> {
  const pairs = [await pair(reactor, build(), new Recorder()), await pair(reactor, build(), new Recorder())] as const;
  let told = false;
  const held = new Promise<Held>((resolve) => {
    for (const [i, [client]] of pairs.entries()) {
      const [other, otherPeer] = pairs[1 - i]!;
      const pauseOther = () => {
        if (told) return;
        told = true;
        other.transport.pauseProducing();
        resolve({ paused: other, itsPeer: otherPeer });
      };
      client.onData = pauseOther;
      client.onReadEnd = () => {
        pauseOther();
        client.transport.loseConnection();
      };
    }
  });
  for (const [, server] of pairs) send(server);
  await held;
  await turns(3);
  return held;
}

forEachReactor((make) => {
  test("a stream that is paused and resumed repeatedly arrives whole and in order", async () => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new FlowRecorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    let paused = false;
    let disturbed = 0;
    protocol.onData = () => {
      if (paused) disturbed++;
      if (protocol.arrived.count % 3 === 0) return;
      paused = true;
      protocol.transport.pauseProducing();
      setImmediate(() => {
        paused = false;
        protocol.transport.resumeProducing();
      });
    };
    peer.end(flow(16 * MIB));
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect([protocol.check.at, protocol.check.firstWrong, disturbed]).toEqual([16 * MIB, -1, 0]);
  });

  test("a connection that is paused in connectionMade() receives nothing until it is resumed", async () => {
    const { port, next } = serve(make(), () => {
      const protocol = new Recorder();
      protocol.onMade = () => protocol.transport.pauseProducing();
      return protocol;
    });
    const peer = await Peer.connect(port);
    peer.end("early");
    const protocol = await next();
    await turns(10);
    expect(protocol.calls).toEqual(["connectionMade"]);
    protocol.transport.resumeProducing();
    await protocol.lost.promise;
    expect(protocol.text).toBe("early");
    expect(protocol.calls).toEqual(["connectionMade", "dataReceived", "connectionLost"]);
  });

  test("bytes in flight in the tick of the pause are held, and delivered on resumption", async () => {
    const reactor = make();
    for (let i = 0; i < ROUNDS; i++) {
      const { paused, itsPeer } = await pausedBeforeItsTurn(reactor, (peer) => peer.transport.write("first "));
      expect(paused.calls).toEqual(["connectionMade"]);
      itsPeer.transport.write("second");
      await turns(2);
      expect(paused.calls).toEqual(["connectionMade"]);
      paused.transport.resumeProducing();
      expect(paused.calls, "nothing comes from inside resumeProducing()").toEqual(["connectionMade"]);
      await paused.arrived.reaches(12);
      expect(paused.text).toBe("first second");
    }
  });

  for (const [way, borrows] of [
    ["owned", false],
    ["lent", true],
  ] as const) {
    test(`held bytes that were ${way} are not in the memory that small Buffers share`, async () => {
      const { paused, itsPeer } = await pausedBeforeItsTurn(
        make(),
        (peer) => peer.transport.write("held"),
        () => Object.assign(new HalfRecorder(), { borrows }),
      );
      const memory: number[] = [];
      paused.onData = (data) => memory.push(data.buffer.byteLength);
      paused.transport.resumeProducing();
      await paused.arrived.reaches(4);
      expect(paused.text).toBe("held");
      expect(memory).not.toContain(Buffer.poolSize);
      itsPeer.transport.abortConnection();
    });
  }

  test("a FIN in flight in the tick of the pause is held, and delivered on resumption", async () => {
    const reactor = make();
    for (let i = 0; i < ROUNDS; i++) {
      const { paused } = await pausedBeforeItsTurn(reactor, (peer) => peer.transport.loseConnection());
      expect(paused.calls).toEqual(["connectionMade"]);
      paused.transport.resumeProducing();
      expect(await paused.lossError()).toBeInstanceOf(ConnectionDone);
      expect(paused.calls).toEqual(["connectionMade", "readConnectionLost", "connectionLost"]);
    }
  });

  test("held bytes are delivered before the FIN that follows them", async () => {
    const reactor = make();
    for (let i = 0; i < ROUNDS; i++) {
      const { paused } = await pausedBeforeItsTurn(reactor, (peer) => {
        peer.transport.write("held");
        peer.transport.loseConnection();
      });
      expect(paused.calls).toEqual(["connectionMade"]);
      paused.transport.resumeProducing();
      await paused.lost.promise;
      expect(paused.calls).toEqual(["connectionMade", "dataReceived", "readConnectionLost", "connectionLost"]);
      expect(paused.text).toBe("held");
    }
  });

  test("held bytes are delivered before the reset that follows them", async () => {
    const reactor = make();
    for (let i = 0; i < ROUNDS; i++) {
      const { paused, itsPeer } = await pausedBeforeItsTurn(reactor, (peer) => peer.transport.write("held"));
      itsPeer.transport.abortConnection();
      await itsPeer.lost.promise;
      paused.transport.resumeProducing();
      expect(await paused.lossError()).toMatchObject({ osError: "ECONNRESET" });
      expect(paused.calls).toEqual(["connectionMade", "dataReceived", "connectionLost"]);
    }
  });

  test("a pause right after the resumption keeps the bytes held", async () => {
    const reactor = make();
    const { paused } = await pausedBeforeItsTurn(reactor, (peer) => peer.transport.write("held"));
    for (let i = 0; i < 3; i++) {
      paused.transport.resumeProducing();
      paused.transport.pauseProducing();
      await turns(3);
      expect(paused.calls).toEqual(["connectionMade"]);
    }
    paused.transport.resumeProducing();
    paused.transport.resumeProducing();
    await paused.arrived.reaches(4);
    await turns(3);
    expect(paused.text).toBe("held");
  });

  test("a connection with held bytes can be closed and aborted", async () => {
    const reactor = make();
    for (const end of ["loseConnection", "abortConnection"] as const) {
      const { paused } = await pausedBeforeItsTurn(reactor, (peer) => peer.transport.write("held"));
      paused.transport[end]();
      paused.transport.resumeProducing();
      await paused.lost.promise;
      expect(paused.calls).toEqual(["connectionMade", "connectionLost"]);
    }
  });

  test("dataReceived() is never called from inside itself", async () => {
    const { port, next } = serve(make(), () => new FlowRecorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    let depth = 0;
    let deepest = 0;
    protocol.onData = () => {
      deepest = Math.max(deepest, ++depth);
      protocol.transport.pauseProducing();
      protocol.transport.resumeProducing();
      depth--;
    };
    peer.end(flow(4 * MIB));
    await protocol.lost.promise;
    expect([protocol.check.at, protocol.check.firstWrong, deepest]).toEqual([4 * MIB, -1, 1]);
  });

  test("pausing and resuming more than once, or after the loss, is harmless", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    const { transport } = protocol;
    transport.resumeProducing();
    for (let i = 0; i < 3; i++) transport.pauseProducing();
    peer.write("hello");
    await turns(3);
    expect(protocol.arrived.count).toBe(0);
    for (let i = 0; i < 3; i++) transport.resumeProducing();
    await protocol.arrived.reaches(5);
    peer.end();
    await protocol.lost.promise;
    transport.pauseProducing();
    transport.resumeProducing();
    await turns(3);
    expect(protocol.losses).toBe(1);
  });

  test("the peer of a paused connection cannot send without limit", async () => {
    const { port, next } = serve(make(), () => new FlowRecorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { check });
    const protocol = await next();
    protocol.transport.pauseProducing();
    peer.end(flow(64 * MIB));
    expect(await settled(() => peer.socket.writableLength)).toBeGreaterThan(32 * MIB);
    protocol.transport.resumeProducing();
    await protocol.lost.promise;
    expect([protocol.check.at, protocol.check.firstWrong]).toEqual([64 * MIB, -1]);
  });
});
