/** switchProtocol(): one protocol gives way to another in the middle of a connection. */

import { expect, test } from "vitest";
import { ConnectionDone } from "../../src/internet/error.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { turns } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor, takeLog } from "../helpers/reactors.ts";
import { FlowRecorder, HalfRecorder, pair, Recorder, serve } from "../helpers/recorder.ts";

const MIB = 1024 * 1024;

/** Keeps what it is given as it is: bytes that were only lent would change under it. */
class Owner extends Recorder {
  readonly kept: Buffer[] = [];

  protected override keep(data: Buffer): void {
    super.keep(data);
    this.kept.push(data);
  }
}

/** Is lent its bytes, and copies what it keeps. */
class Borrower extends Owner {
  static override readonly borrows = true;

  protected override keep(data: Buffer): void {
    super.keep(Buffer.from(data));
  }
}

/** A connection whose protocol gives way to `next` once it has received something. */
async function switched<P extends Recorder>(
  reactor: EngineReactor,
  first: Recorder,
  next: P,
): Promise<{ peer: Peer; next: P }> {
  const { port } = serve(reactor, () => first);
  const peer = await Peer.connect(port);
  await first.made.promise;
  first.onData = () => first.transport.switchProtocol(next);
  peer.write("first");
  await next.made.promise;
  return { peer, next };
}

forEachReactor((make) => {
  test("the next protocol gets the same transport, and everything from then on, the loss included", async () => {
    const first = new Recorder();
    const { peer, next } = await switched(make(), first, new Recorder());
    expect(next.transport).toBe(first.transport);
    peer.write("second");
    await next.arrived.reaches(6);
    next.transport.write("answer");
    expect(await peer.take(6)).toBe("answer");
    peer.end();
    expect(await next.lossError()).toBeInstanceOf(ConnectionDone);
    await turns(3);
    expect([first.text, next.text]).toEqual(["first", "second"]);
    expect(first.calls).toEqual(["connectionMade", "dataReceived"]);
    expect(next.calls).toEqual(["connectionMade", "dataReceived", "connectionLost"]);
  });

  for (const [From, To] of [
    [Owner, Borrower],
    [Borrower, Owner],
    [Borrower, Borrower],
    [Owner, Owner],
  ] as const) {
    test(`from one that is ${From.name} to one that is ${To.name}, from inside dataReceived(), no byte is lost or spoiled`, async () => {
      const check = new FlowCheck();
      const { peer, next } = await switched(make(), new From(), new To() as Owner);
      for (let at = 0; at < MIB; at += 1000) peer.write(flow(Math.min(1000, MIB - at), at));
      peer.end();
      await next.lossError();
      expect(next.arrived.count).toBe(MIB);
      // What was kept is looked at only now, when everything that could have been reused has been.
      for (const piece of next.kept) check.take(piece);
      expect([check.at, check.firstWrong]).toEqual([MIB, -1]);
    });
  }

  test("switching between borrowing and owning with every chunk keeps the stream whole", async () => {
    const check = new FlowCheck();
    const { port, next } = serve(make(), () => protocols[0]!);
    const protocols = [new Borrower(), new Owner()];
    const kept: Buffer[] = [];
    for (const [i, protocol] of protocols.entries()) {
      protocol.dataReceived = (data) => {
        kept.push(i === 0 ? Buffer.from(data) : data);
        protocol.transport.switchProtocol(protocols[1 - i]!);
      };
    }
    const peer = await Peer.connect(port);
    await next();
    peer.end(flow(8 * MIB));
    await Promise.race(protocols.map(({ lost }) => lost.promise));
    for (const piece of kept) check.take(piece);
    expect([check.at, check.firstWrong]).toEqual([8 * MIB, -1]);
    expect(protocols.map(({ losses }) => losses).sort()).toEqual([0, 1]);
    expect(kept.length).toBeGreaterThan(8);
  });

  test("from outside any call of the protocol", async () => {
    const { port, next } = serve(make(), () => new Borrower());
    const peer = await Peer.connect(port);
    const first = await next();
    await first.made.promise;
    const second = new Owner();
    first.transport.switchProtocol(second);
    expect(second.calls, "it is told at once").toEqual(["connectionMade"]);
    peer.end("for the second");
    await second.lossError();
    expect([first.text, second.text]).toEqual(["", "for the second"]);
    expect(first.calls).toEqual(["connectionMade"]);
  });

  test("from inside connectionMade()", async () => {
    const second = new Owner();
    const { port } = serve(make(), () => {
      const first = new Borrower();
      first.onMade = () => first.transport.switchProtocol(second);
      return first;
    });
    const peer = await Peer.connect(port);
    peer.end("all");
    await second.lossError();
    expect(second.text).toBe("all");
  });

  test("while paused: nothing is delivered until the next protocol resumes", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const first = await next();
    await first.made.promise;
    first.transport.pauseProducing();
    peer.end("waits");
    await turns(5);
    const second = new Owner();
    first.transport.switchProtocol(second);
    await turns(5);
    expect(second.calls).toEqual(["connectionMade"]);
    second.transport.resumeProducing();
    expect(await second.lossError()).toBeInstanceOf(ConnectionDone);
    expect([first.text, second.text]).toEqual(["", "waits"]);
  });

  for (const [First, Second] of [
    [Borrower, Owner],
    [Owner, Borrower],
  ] as const) {
    test(`bytes held for a paused ${First.name} go to the ${Second.name} that follows it`, async () => {
      const reactor = make();
      for (let round = 0; round < 20; round++) {
        const pairs = [
          await pair(reactor, new First(), new Recorder()),
          await pair(reactor, new First(), new Recorder()),
        ] as const;
        // Which of the two is told first in a turn is the kernel's choice: it pauses the other, whose bytes are held.
        const held = new Promise<Recorder>((resolve) => {
          for (const [i, [client]] of pairs.entries()) {
            client.onData = () => {
              const [other] = pairs[1 - i]!;
              other.transport.pauseProducing();
              resolve(other);
            };
          }
        });
        for (const [, server] of pairs) server.transport.write("held");
        const paused = await held;
        await turns(2);
        expect(paused.calls).toEqual(["connectionMade"]);
        const second = new Second();
        paused.transport.switchProtocol(second);
        expect(second.calls).toEqual(["connectionMade"]);
        second.transport.resumeProducing();
        await second.arrived.reaches(4);
        expect([paused.text, second.text]).toEqual(["", "held"]);
        second.transport.abortConnection();
        await second.lost.promise;
        expect(paused.losses).toBe(0);
        for (const [, server] of pairs) server.transport.abortConnection();
        await Promise.all(pairs.map(([, server]) => server.lost.promise));
      }
    });
  }

  test("after a switch to a half-closeable protocol the peer's FIN ends one half", async () => {
    const { peer, next } = await switched(make(), new Recorder(), new HalfRecorder());
    peer.end();
    await next.readEnded.promise;
    next.transport.write("still here");
    next.transport.loseWriteConnection();
    expect(await peer.rest()).toBe("still here");
    expect(await next.lossError()).toBeInstanceOf(ConnectionDone);
    expect(next.calls).toEqual(["connectionMade", "readConnectionLost", "writeConnectionLost", "connectionLost"]);
  });

  test("after a switch from a half-closeable protocol the peer's FIN closes the connection", async () => {
    const first = new HalfRecorder();
    const { peer, next } = await switched(make(), first, new Recorder());
    peer.end();
    expect(await next.lossError()).toBeInstanceOf(ConnectionDone);
    expect(first.calls).toEqual(["connectionMade", "dataReceived"]);
  });

  test("the next protocol is told of a FIN that the previous one was told of", async () => {
    const first = new HalfRecorder();
    const { port } = serve(make(), () => first);
    const peer = await Peer.connect(port);
    peer.end();
    await first.readEnded.promise;
    const half = new HalfRecorder();
    first.transport.switchProtocol(half);
    await half.readEnded.promise;
    const whole = new Recorder();
    half.transport.switchProtocol(whole);
    expect(await whole.lossError()).toBeInstanceOf(ConnectionDone);
    expect(half.calls).toEqual(["connectionMade", "readConnectionLost"]);
  });

  test("only the next protocol is told of a reset after the switch", async () => {
    const first = new Recorder();
    const { peer, next } = await switched(make(), first, new Recorder());
    peer.reset();
    expect(await next.lossError()).toMatchObject({ osError: "ECONNRESET" });
    expect([first.losses, next.losses]).toEqual([0, 1]);
  });

  test("after loseConnection() the next protocol gets connectionLost()", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const first = await next();
    await first.made.promise;
    first.transport.write("bye");
    first.transport.loseConnection();
    const second = new Recorder();
    first.transport.switchProtocol(second);
    expect(await peer.rest()).toBe("bye");
    expect(await second.lossError()).toBeInstanceOf(ConnectionDone);
    expect([first.losses, second.losses]).toEqual([0, 1]);
  });

  test("after the loss it does nothing", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const first = await next();
    peer.end();
    await first.lost.promise;
    const second = new Recorder();
    first.transport.switchProtocol(second);
    await turns(3);
    expect(second.calls).toEqual([]);
  });

  test("from inside connectionLost() it does nothing", async () => {
    const second = new Recorder();
    const { port, next } = serve(make(), () => {
      const first = new Recorder();
      first.onLost = () => first.transport.switchProtocol(second);
      return first;
    });
    const peer = await Peer.connect(port);
    const first = await next();
    peer.end();
    await first.lost.promise;
    await turns(3);
    expect([first.losses, second.calls]).toEqual([1, []]);
  });

  test("a next protocol that throws in connectionMade() ends the connection, and gets connectionLost()", async () => {
    const first = new Recorder();
    const second = new Recorder();
    second.onMade = () => {
      throw new Error("not this one");
    };
    const { peer, next } = await switched(make(), first, second);
    expect(await next.lossError()).toMatchObject({ message: "not this one" });
    expect(first.losses).toBe(0);
    await peer.closed;
    expect(takeLog()).toEqual([expect.stringContaining("Recorder threw; its connection to")]);
  });

  test("a producer stays registered over the switch", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { reading: false, check });
    const first = await next();
    await first.made.promise;
    let at = 0;
    first.transport.registerProducer(
      {
        resumeProducing() {
          const size = Math.min(MIB, 8 * MIB - at);
          if (size > 0) first.transport.write(flow(size, at));
          else first.transport.unregisterProducer();
          at += size;
        },
        stopProducing() {},
      },
      false,
    );
    const second = new FlowRecorder();
    first.transport.switchProtocol(second);
    second.transport.loseConnection();
    peer.read();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([8 * MIB, -1]);
    await second.lost.promise;
    expect(first.losses).toBe(0);
  });
});
