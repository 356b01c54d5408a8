/** Receivers deliver nothing while their transport's send queue is over its high-water mark. */

import { Duplex } from "node:stream";
import { describe, expect, it, test } from "vitest";
import { LineOnlyReceiver } from "../../src/entries/protocols/basic.ts";
import { Bucket, ShapedProtocolFactory } from "../../src/entries/protocols/htb.ts";
import { ProtocolWrapper, ThrottlingFactory, WrappingFactory } from "../../src/entries/protocols/policies.ts";
import { fromDuplex } from "../../src/entries/streams.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { Bytes, Transport } from "../../src/internet/interfaces.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { HIGH_WATER } from "../../src/internet/stream/sendqueue.ts";
import type { NativeEngine } from "../../src/native.ts";
import { Clock } from "../../src/testing/clock.ts";
import { connectedServerAndClient, type IOPump } from "../../src/testing/iosim.ts";
import { StringTransport } from "../../src/testing/stringtransport.ts";
import { Gate, turns, until } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachRealReactor } from "../helpers/reactors.ts";
import { Client, serve } from "../helpers/recorder.ts";
import { Fours, FRAMINGS, Ints, Lines, type Talker } from "../helpers/talkers.ts";
import { connect, keepers, Told } from "../helpers/wrapped.ts";

describe.each(FRAMINGS)("a %s over a congested transport", (_name, Framing, encode) => {
  function start(): { talker: Talker; transport: StringTransport; receive(...messages: string[]): void } {
    const talker = new Framing();
    const transport = new StringTransport().connect(talker);
    talker.onMessage = (message) => {
      if (message === "full") transport.congest();
    };
    return { talker, transport, receive: (...messages) => transport.receive(messages.map(encode).join("")) };
  }

  it("stops between two messages of one chunk, and goes on by itself when the queue has drained", () => {
    const { talker, transport, receive } = start();
    receive("1st.", "full", "2nd.", "full", "3rd.");
    expect(talker.messages).toEqual(["1st.", "full"]);
    transport.drain();
    expect(talker.messages).toEqual(["1st.", "full", "2nd.", "full"]);
    transport.drain();
    expect(talker.messages).toEqual(["1st.", "full", "2nd.", "full", "3rd."]);
    receive("4th.");
    expect(talker.messages.at(-1)).toBe("4th.");
  });

  it("keeps the order of what was in flight, and of a message that arrives in pieces", () => {
    const { talker, transport } = start();
    const bytes = ["full", "1st.", "2nd.", "3rd."].map(encode).join("");
    for (const byte of bytes) transport.receive(Buffer.from(byte, "latin1"));
    expect(talker.messages).toEqual(["full"]);
    transport.drain();
    expect(talker.messages).toEqual(["full", "1st.", "2nd.", "3rd."]);
  });

  it("delivers nothing more after loseConnection()", () => {
    const { talker, transport, receive } = start();
    receive("full", "lost");
    transport.loseConnection();
    transport.drain();
    expect(talker.messages).toEqual(["full"]);
  });

  it("delivers nothing more when the connection is lost", () => {
    const { talker, transport, receive } = start();
    receive("full", "lost");
    transport.lose();
    transport.drain();
    expect(talker.messages).toEqual(["full"]);
  });

  it("stops again when a message callback closes the connection after the queue has drained", () => {
    const { talker, transport, receive } = start();
    receive("full", "1st.", "2nd.");
    talker.onMessage = () => {
      transport.loseConnection();
    };
    transport.drain();
    expect(talker.messages).toEqual(["full", "1st."]);
  });
});

describe("the pause of the program", () => {
  it("is told by `paused`, which back-pressure does not change", () => {
    const lines = new Lines();
    const transport = new StringTransport().connect(lines);
    transport.congest();
    transport.receive("one\n");
    expect(lines.paused).toBe(false);
    lines.pauseProducing();
    transport.drain();
    expect([lines.paused, lines.messages]).toEqual([true, []]);
    lines.resumeProducing();
    expect(lines.messages).toEqual(["one"]);
  });

  it("ends without delivering while the queue is still over the mark", () => {
    const lines = new Lines();
    const transport = new StringTransport().connect(lines);
    lines.onMessage = (line) => {
      if (line !== "full") return;
      lines.pauseProducing();
      transport.congest();
    };
    transport.receive("full\none\n");
    lines.resumeProducing();
    expect(lines.messages).toEqual(["full"]);
    transport.drain();
    expect(lines.messages).toEqual(["full", "one"]);
  });
});

describe("raw mode", () => {
  it("holds raw bytes back, too", () => {
    const lines = new Lines();
    const transport = new StringTransport().connect(lines);
    lines.setRawMode();
    transport.congest();
    transport.receive("abc");
    transport.receive("def");
    expect(lines.raw).toEqual([]);
    transport.drain();
    expect(lines.raw).toEqual(["abcdef"]);
  });

  it("puts what setLineMode() gives back before what was held back", () => {
    const lines = new Lines();
    const transport = new StringTransport().connect(lines);
    lines.setRawMode();
    transport.receive("raw one\n");
    transport.congest();
    transport.receive("two\n");
    lines.setLineMode(Buffer.from("one\n"));
    expect(lines.messages).toEqual([]);
    transport.drain();
    expect([lines.raw, lines.messages]).toEqual([["raw one\n"], ["one", "two"]]);
  });
});

describe("without back-pressure", () => {
  it("everything is delivered at once", () => {
    class Bold extends Lines {
      override backPressure = false;
    }
    const lines = new Bold();
    const transport = new StringTransport().connect(lines);
    transport.congest();
    transport.receive("one\ntwo\n");
    expect(lines.messages).toEqual(["one", "two"]);
  });
});

describe("on the side that connected", () => {
  /** The client's end, with more in its queue than the mark, and a line that has arrived. */
  function client<P extends Protocol>(Client: new () => P): { client: P; pump: IOPump } {
    const { pump } = connectedServerAndClient(Protocol as new () => Protocol, Client);
    const client = pump.client as P;
    client.transport.write(Buffer.alloc(HIGH_WATER + 1));
    (pump.server as Protocol).transport.write("one\n");
    pump.clientIO.arrive(pump.serverIO.takeOutput());
    return { client, pump };
  }

  it("everything is delivered at once", () => {
    expect(client(Lines).client.messages).toEqual(["one"]);
    expect(client(Fours).client.messages).toEqual(["one\n"]);
  });

  it("so is it under a wrapper", () => {
    const wrapped = new Lines();
    class Wrapper extends ProtocolWrapper {
      constructor() {
        super(new WrappingFactory(keepers(Lines)), wrapped);
      }
    }
    client(Wrapper);
    expect(wrapped.messages).toEqual(["one"]);
  });

  it("a receiver waits if it says so", () => {
    class Wary extends Lines {
      override backPressure = true;
    }
    const { client: wary, pump } = client(Wary);
    expect(wary.messages).toEqual([]);
    pump.flush();
    expect(wary.messages).toEqual(["one"]);
  });
});

describe("a producer beside a receiver", () => {
  it("is paused and resumed as before; the receiver comes first, and may fill the queue again", () => {
    const lines = new Lines();
    const transport = new StringTransport().connect(lines);
    const producer = new Told();
    transport.registerProducer(producer, true);
    lines.onMessage = () => {
      producer.calls.push("line");
      transport.congest();
    };
    transport.receive("one\ntwo\n");
    expect(producer.calls).toEqual(["line", "pause"]);
    transport.drain();
    expect(producer.calls).toEqual(["line", "pause", "line", "resume", "pause"]);
    transport.drain();
    expect(producer.calls.slice(5)).toEqual(["resume"]);
  });
});

test("of two receivers that share a transport, the one with the older bytes comes first", () => {
  const order: string[] = [];
  const inner = new Lines();
  inner.onMessage = (line) => {
    order.push(line);
    if (line.startsWith("full")) transport.congest();
  };
  class Outer extends Ints {
    override stringReceived(string: Buffer): void {
      inner.dataReceived(string);
    }
  }
  const transport = new StringTransport().connect(new Outer());
  inner.makeConnection(transport);
  transport.receive("\0\x10full1\n1\n2\nfull2\n" + "\0\x04" + "3\n4\n");
  expect(order).toEqual(["full1"]);
  transport.drain();
  expect(order).toEqual(["full1", "1", "2", "full2"]);
  transport.drain();
  expect(order).toEqual(["full1", "1", "2", "full2", "3", "4"]);
});

describe("through a policy", () => {
  it("is the same under a wrapper", () => {
    const { wrapped, transport } = connect(new WrappingFactory(keepers(Lines)));
    transport.congest();
    transport.receive("one\n");
    expect(wrapped.messages).toEqual([]);
    transport.drain();
    expect(wrapped.messages).toEqual(["one"]);
  });

  it("is the same under a ThrottlingFactory, whose own pause does not end it", () => {
    const clock = new Clock();
    const { wrapped, transport } = connect(new ThrottlingFactory(keepers(Lines), { clock, readLimit: 4 }));
    transport.congest();
    transport.receive("one\ntwo\n");
    expect(transport.paused).toBe(true);
    clock.advance(10);
    expect(transport.paused).toBe(false);
    expect(wrapped.messages).toEqual([]);
    transport.drain();
    expect(wrapped.messages).toEqual(["one", "two"]);
  });

  describe("that shapes writes", () => {
    const clock = new Clock();
    class Slow extends Bucket {
      override maxburst: number | null = 4096;
      override rate: number | null = HIGH_WATER;
    }

    function shaped() {
      const factory = new ShapedProtocolFactory(keepers(Lines), { getBucketFor: () => new Slow(null, clock) }, clock);
      const { wrapped, wrapper, transport } = connect(factory);
      wrapped.onMessage = (line) => {
        if (line === "full") wrapped.transport.write(Buffer.alloc(HIGH_WATER + 4200));
      };
      return { wrapped, wrapper, transport };
    }

    it("the receiver waits for the shaper's buffer, and reading is paused", () => {
      const { wrapped, transport } = shaped();
      transport.receive("full\none\nfull\ntwo\n");
      expect([wrapped.messages, transport.paused]).toEqual([["full"], true]);
      clock.advance(0.2);
      expect(wrapped.messages).toEqual(["full"]);
      for (let i = 0; i < 30; i++) clock.advance(0.1);
      expect([wrapped.messages, transport.paused]).toEqual([["full", "one", "full"], true]);
      for (let i = 0; i < 30; i++) clock.advance(0.1);
      expect([wrapped.messages, transport.paused]).toEqual([["full", "one", "full", "two"], false]);
    });

    it("the program's pause outlasts it", () => {
      const { wrapped, transport } = shaped();
      transport.receive("full\none\n");
      wrapped.pauseProducing();
      for (let i = 0; i < 60; i++) clock.advance(0.1);
      expect([wrapped.messages, transport.paused]).toEqual([["full"], true]);
      wrapped.resumeProducing();
      expect([wrapped.messages, transport.paused]).toEqual([["full", "one"], false]);
    });

    it("the program's resumption does not end it", () => {
      const { wrapped, transport } = shaped();
      transport.receive("full\none\n");
      wrapped.pauseProducing();
      wrapped.resumeProducing();
      expect([wrapped.messages, transport.paused]).toEqual([["full"], true]);
    });

    it("nothing is delivered after loseConnection()", () => {
      const { wrapped, transport } = shaped();
      transport.receive("full\none\n");
      wrapped.transport.loseConnection();
      for (let i = 0; i < 60; i++) clock.advance(0.1);
      expect([wrapped.messages, transport.disconnecting]).toEqual([["full"], true]);
    });
  });
});

describe("over a Duplex", () => {
  /** Two streams, each of which reads what the other writes, with little room between them. */
  function connected(): [Duplex, Duplex] {
    const make = () => new Duplex({ highWaterMark: 100, read: () => {}, write() {} });
    const pair: [Duplex, Duplex] = [make(), make()];
    for (const [i, end] of pair.entries()) {
      const other = pair[1 - i]!;
      let resume: (() => void) | undefined;
      other._read = () => {
        const done = resume;
        resume = undefined;
        done?.();
      };
      end._write = (chunk, _encoding, done) => {
        if (other.push(chunk)) done();
        else resume = done;
      };
    }
    return pair;
  }

  it("two sides that both ask and answer much do not wait for each other", async () => {
    class Asking extends LineOnlyReceiver {
      answers = 0;
      override connectionMade(): void {
        for (let i = 0; i < 100; i++) this.sendLine("ask");
      }
      override lineReceived(line: Buffer): void {
        if (line.toString() === "ask") this.sendLine("x".repeat(200));
        else this.answers++;
      }
    }
    const sides = connected().map((duplex) => {
      const asking = new Asking();
      fromDuplex(duplex, asking);
      return asking;
    });
    await until(() => sides.every(({ answers }) => answers === 100));
    for (const { transport } of sides) transport.abortConnection();
  });

  class Slow extends Duplex {
    sent: (() => void) | undefined;
    constructor() {
      super({ highWaterMark: 10, allowHalfOpen: true });
    }
    override _read(): void {}
    override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
      this.sent = done;
    }
  }

  it("the receiver of a connection that was accepted waits for 'drain', and is told of the end after the rest", async () => {
    const duplex = new Slow();
    const ended = new Gate();
    class Ended extends Lines {
      readConnectionLost(): void {
        this.messages.push("END");
        ended.open();
      }
    }
    const lines = new Ended();
    fromDuplex(duplex, lines, { accepted: true });
    lines.onMessage = () => lines.transport.write("a long answer");
    duplex.push("one\ntwo\n");
    duplex.push(null);
    await until(() => lines.messages.length > 0);
    await turns(3);
    expect(lines.messages).toEqual(["one"]);
    duplex.sent!();
    await until(() => lines.messages.length > 1);
    await turns(3);
    // Its answer to "two" fills the stream again, but nothing is held back by that.
    await ended.promise;
    expect(lines.messages).toEqual(["one", "two", "END"]);
    duplex.destroy();
  });
});

/** Answers each line with 16 KiB, and keeps how much was queued at most. */
const ANSWER = Buffer.alloc(16 * 1024, "a");

class Answering extends LineOnlyReceiver {
  override delimiter: Bytes = "\n";
  lines = 0;
  queued = 0;
  readonly lost = new Gate<Failure>();
  readonly calls: string[] = [];
  override lineReceived(_line: Buffer): void {
    this.lines++;
    this.transport.write(ANSWER);
    this.queued = Math.max(this.queued, queuedIn(this.transport));
  }
  override connectionLost(reason: Failure): void {
    super.connectionLost(reason);
    this.lost.open(reason);
  }
}

class HalfAnswering extends Answering {
  linesAtEnd = -1;
  readConnectionLost(): void {
    this.linesAtEnd = this.lines;
    this.transport.loseConnection();
  }
}

/** Bytes in a connection's send queue. */
function queuedIn(transport: Transport): number {
  const { native, handle } = transport as unknown as { native: NativeEngine; handle: number };
  return native.write(handle, Buffer.alloc(0));
}

/** So many of them are more than the kernel buffers in both directions, 20 MiB. */
const LONG = Buffer.from(`${"x".repeat(16_000)}\n`);

const LINES = 1500;
const REQUESTS = "x\n".repeat(LINES);

forEachRealReactor((make) => {
  async function stuck<P extends Answering>(build: () => P, ends = false): Promise<{ peer: Peer; protocol: P }> {
    const { port, next } = serve(make(), build);
    const peer = await Peer.connect(port, { reading: false });
    if (ends) peer.end(REQUESTS);
    else peer.write(REQUESTS);
    const protocol = await next();
    await until(() => protocol.lines > 0 && queuedIn(protocol.transport) > HIGH_WATER);
    await turns(20);
    return { peer, protocol };
  }

  test("a peer that pipelines requests and reads nothing has one answer queued above the mark, and gets all later", async () => {
    const { peer, protocol } = await stuck(() => new Answering());
    const before = protocol.lines;
    expect(before).toBeLessThan(LINES);
    await turns(20);
    expect(protocol.lines).toBe(before);
    peer.read();
    await peer.arrived.reaches(LINES * ANSWER.length);
    expect(protocol.lines).toBe(LINES);
    expect(protocol.queued).toBeLessThanOrEqual(HIGH_WATER + ANSWER.length);
  });

  test("its FIN is told after all requests were delivered", async () => {
    const { peer, protocol } = await stuck(() => new HalfAnswering(), true);
    expect(protocol.linesAtEnd).toBe(-1);
    peer.read();
    await peer.ended;
    expect(protocol.linesAtEnd).toBe(LINES);
    expect(peer.arrived.count).toBe(LINES * ANSWER.length);
    await protocol.lost.promise;
  });

  test("loseConnection() while the queue is full delivers nothing more, sends what is queued and closes", async () => {
    const { peer, protocol } = await stuck(() => new Answering());
    const { lines } = protocol;
    protocol.transport.loseConnection();
    peer.read();
    await peer.ended;
    expect(peer.arrived.count).toBe(lines * ANSWER.length);
    expect(protocol.lines).toBe(lines);
    peer.end();
    await protocol.lost.promise;
  });

  test("two sides that both send more than the kernels buffer do not wait for each other", async () => {
    class Asking extends Answering {
      readonly done = new Gate();
      override connectionMade(): void {
        for (let i = 0; i < LINES; i++) this.transport.write(LONG);
      }
      override lineReceived(_line: Buffer): void {
        if (++this.lines === LINES) this.done.open();
      }
    }
    class Returning extends Answering {
      override lineReceived(line: Buffer): void {
        this.sendLine(line);
      }
    }
    const reactor = make();
    const { port } = serve(reactor, () => new Returning());
    const client = new Client(() => new Asking());
    reactor.connectTCP("127.0.0.1", port, client);
    const asking = await client.next();
    await asking.done.promise;
    asking.transport.loseConnection();
    await asking.lost.promise;
  });

  test("a connection that is aborted meanwhile delivers nothing more", async () => {
    const { peer, protocol } = await stuck(() => new Answering());
    const { lines } = protocol;
    protocol.transport.abortConnection();
    await protocol.lost.promise;
    await turns(3);
    await peer.close();
    expect(protocol.lines).toBe(lines);
  });
});
