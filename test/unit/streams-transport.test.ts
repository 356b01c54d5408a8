/** Node's streams and web streams as transports. */
import { Duplex, PassThrough } from "node:stream";
import { TransformStream } from "node:stream/web";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LineReceiver } from "../../src/entries/protocols/basic.ts";
import { connectionOver, fromDuplex, fromWeb, toDuplex, toWeb } from "../../src/entries/streams.ts";
import { IPv4Address, IPv6Address } from "../../src/internet/address.ts";
import { ConnectionAborted, ConnectionDone, ConnectionLost } from "../../src/internet/error.ts";
import type { PullProducer, PushProducer, Transport } from "../../src/internet/interfaces.ts";
import { LOOP, loopOf, NodeLoop } from "../../src/internet/reactor/loop.ts";
import { setObserver } from "../../src/logger/log.ts";
import { Echo } from "../../src/protocols/wire.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { Gate, turns } from "../helpers/gate.ts";
import { HOSTILE_VALUES } from "../helpers/hostilevalues.ts";
import { FlowRecorder, HalfRecorder, Recorder } from "../helpers/recorder.ts";

const MIB = 1024 * 1024;

/** One end of a pipe: what is written comes out of the other. */
class End extends Duplex {
  peer!: End;
  #callback: (() => void) | undefined;

  override _read(): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    if (this.peer.push(chunk)) callback();
    else this.peer.#callback = callback;
  }
  override _final(callback: () => void): void {
    this.peer.push(null);
    callback();
  }
}

function pipe(): [End, End] {
  const ends: [End, End] = [new End(), new End()];
  ends[0].peer = ends[1];
  ends[1].peer = ends[0];
  return ends;
}

function pair(a: Recorder, b: Recorder): [Transport, Transport] {
  const [left, right] = pipe();
  return [fromDuplex(left, a), fromDuplex(right, b)];
}

let logged: string[] = [];
beforeEach(() => {
  logged = [];
  setObserver(({ message, error }) => logged.push(`${message}: ${error}`));
});
afterEach(() => {
  setObserver(undefined);
});

describe("a protocol over a Duplex", () => {
  it("is made, receives, and is lost cleanly when the peer ends", async () => {
    const [a, b] = [new Recorder(), new Recorder()];
    const [left] = pair(a, b);
    expect(a.transport).toBe(left);
    left.writeSequence(["hello ", Buffer.from("world")]);
    await b.arrived.reaches(11);
    left.loseConnection();
    expect([await a.lossError(), await b.lossError()]).toEqual([
      expect.any(ConnectionDone),
      expect.any(ConnectionDone),
    ]);
    expect(b.text).toBe("hello world");
    expect(b.calls).toEqual(["connectionMade", "dataReceived", "connectionLost"]);
    left.write("after the loss");
    left.loseConnection();
    left.abortConnection();
    left.loseWriteConnection();
    left.resumeProducing();
    left.switchProtocol(new Recorder());
  });

  it("may reuse the memory that it wrote, since the stream gets a copy", async () => {
    const b = new Recorder();
    const [left] = pair(new Recorder(), b);
    const lent = Buffer.from("lent");
    left.write(lent);
    lent.fill("x");
    await b.arrived.reaches(4);
    expect(b.text).toBe("lent");
  });

  it("is told of each half-close when it is half-closeable", async () => {
    const [a, b] = [new HalfRecorder(), new HalfRecorder()];
    const [left, right] = pair(a, b);
    left.write("request");
    left.loseWriteConnection();
    await Promise.all([b.readEnded.promise, a.writeEnded.promise]);
    right.write("answer");
    await a.arrived.reaches(6);
    right.loseWriteConnection();
    expect([await a.lossError(), await b.lossError()]).toEqual([
      expect.any(ConnectionDone),
      expect.any(ConnectionDone),
    ]);
    expect(b.calls).toEqual([
      "connectionMade",
      "dataReceived",
      "readConnectionLost",
      "writeConnectionLost",
      "connectionLost",
    ]);
  });

  it("sends all that was written before it closes", async () => {
    const b = new FlowRecorder();
    const [left] = pair(new Recorder(), b);
    left.write(flow(MIB));
    left.loseConnection();
    expect(left.disconnecting).toBe(true);
    await b.lossError();
    left.write("too late");
    expect([b.check.at, b.check.firstWrong]).toEqual([MIB, -1]);
  });

  it("sends what is written while it closes, until the queue is empty", async () => {
    const b = new FlowRecorder();
    const [left] = pair(new Recorder(), b);
    left.write(flow(MIB));
    left.loseConnection();
    left.write(flow(MIB, MIB));
    await b.lossError();
    expect([b.check.at, b.check.firstWrong]).toEqual([2 * MIB, -1]);
  });

  it("sends everything written before its half-close when it is closed right after", async () => {
    const [a, b] = [new Recorder(), new FlowRecorder()];
    const [left] = pair(a, b);
    left.write(flow(MIB));
    left.loseWriteConnection();
    left.loseConnection();
    expect(await a.lossError()).toBeInstanceOf(ConnectionDone);
    await b.lossError();
    expect([b.check.at, b.check.firstWrong]).toEqual([MIB, -1]);
  });

  it("uses the event loop of the connection below it, or else Node's", async () => {
    const over = new Recorder();
    const [below] = pair(new Recorder(), new Recorder());
    const loop = new NodeLoop();
    Object.defineProperty(below, LOOP, { value: loop });
    const duplex = toDuplex(below);
    expect(loopOf(fromDuplex(duplex, over))).toBe(loop);
    expect(loopOf(fromDuplex(new PassThrough(), new Recorder()))).not.toBe(loop);
    duplex.destroy();
    await over.lost.promise;
  });

  it("receives nothing after loseConnection() or abortConnection()", async () => {
    for (const end of ["loseConnection", "abortConnection"] as const) {
      const [a, b] = [new Recorder(), new Recorder()];
      const [left, right] = pair(a, b);
      right.write("nobody wants this");
      left[end]();
      left[end]();
      expect(await a.lossError()).toBeInstanceOf(end === "loseConnection" ? ConnectionDone : ConnectionAborted);
      expect(a.calls).toEqual(["connectionMade", "connectionLost"]);
    }
  });

  it("can be paused, also in connectionMade(), without losing bytes", async () => {
    const [a, b] = [new Recorder(), new Recorder()];
    b.onMade = () => b.transport.pauseProducing();
    const [left, right] = pair(a, b);
    left.write("early");
    await turns(3);
    expect(b.calls).toEqual(["connectionMade"]);
    right.resumeProducing();
    await b.arrived.reaches(5);
    right.stopProducing();
    await b.lossError();
  });

  it("can be switched to another protocol", async () => {
    const [a, b, c] = [new Recorder(), new Recorder(), new Recorder()];
    const [left, right] = pair(a, b);
    left.write("one");
    await b.arrived.reaches(3);
    right.switchProtocol(c);
    left.write("two");
    await c.arrived.reaches(3);
    left.loseConnection();
    await c.lossError();
    expect([b.text, c.text, b.losses]).toEqual(["one", "two", 0]);
  });

  it("that throws or rejects ends its connection for that reason", async () => {
    const [a, b] = [new Recorder(), new Recorder()];
    b.onData = () => {
      throw new Error("a bug");
    };
    const [left] = pair(a, b);
    left.write("x");
    expect(await b.lossError()).toMatchObject({ message: "a bug" });

    class Late extends Recorder {
      override dataReceived = (async () => {
        await turns(1);
        throw new Error("later");
      }) as never;
    }
    const late = new Late();
    const [other] = pair(new Recorder(), late);
    other.write("x");
    other.write("y");
    expect(await late.lossError()).toMatchObject({ message: "later" });
    await turns(2);
    expect(logged[0]).toBe("Recorder threw; its connection to 0.0.0.0:0 is closed: Error: a bug");
    expect(logged[1]).toBe("Late threw; its connection to 0.0.0.0:0 is closed: Error: later");
  });

  it("that throws in connectionLost() is logged", async () => {
    const a = new Recorder();
    a.onLost = () => {
      throw new Error("at the end");
    };
    const [left] = pair(a, new Recorder());
    const producer = {
      resumeProducing() {},
      pauseProducing() {},
      stopProducing() {
        throw new Error("not now");
      },
    };
    left.registerProducer(producer, true);
    left.abortConnection();
    await a.lossError();
    expect(logged).toEqual([
      "A producer threw in stopProducing(): Error: not now",
      "Recorder threw in connectionLost(): Error: at the end",
    ]);
  });

  for (const [name, hostile] of Object.entries(HOSTILE_VALUES)) {
    it(`is lost when the stream's error is ${name}`, async () => {
      const lost = new Recorder();
      const [left] = pipe();
      fromDuplex(left, lost);
      left.emit("error", hostile());
      left.destroy();
      expect(await lost.lossError()).toBeInstanceOf(ConnectionLost);
    });
  }

  it("learns of the stream's error, and of a close without an end, as ConnectionLost", async () => {
    const [failing, closing] = [new Recorder(), new Recorder()];
    const [left] = pipe();
    fromDuplex(left, failing);
    const cause: NodeJS.ErrnoException = new Error("broken");
    cause.code = "EPIPE";
    left.destroy(cause);
    expect(await failing.lossError()).toMatchObject({
      cause,
      osError: "EPIPE",
      message: expect.stringContaining("broken"),
    });
    const [other] = pipe();
    fromDuplex(other, closing);
    other.destroy();
    const error = (await closing.lossError()) as ConnectionLost;
    expect(error).toBeInstanceOf(ConnectionLost);
    expect([error.osError, error.cause]).toEqual(["", undefined]);
  });

  it("is told of an end or a close that happened before", async () => {
    const [destroyed] = pipe();
    destroyed.destroy();
    const a = new Recorder();
    fromDuplex(destroyed, a);
    expect(a.calls).toEqual(["connectionMade"]);
    expect(await a.lossError()).toBeInstanceOf(ConnectionLost);
    const [ended, peer] = pipe();
    peer.end();
    ended.resume();
    await turns(2);
    const b = new HalfRecorder();
    fromDuplex(ended, b);
    await b.readEnded.promise;
    expect(b.calls).toEqual(["connectionMade", "readConnectionLost"]);
  });

  it("is told of the peer's FIN when it takes over a connection that has received it", async () => {
    const [stream, peer] = pipe();
    const first = new HalfRecorder();
    const transport = fromDuplex(stream, first);
    peer.end();
    await first.readEnded.promise;
    const half = new HalfRecorder();
    transport.switchProtocol(half);
    await half.readEnded.promise;
    const whole = new Recorder();
    transport.switchProtocol(whole);
    expect(await whole.lossError()).toBeInstanceOf(ConnectionDone);
    expect([first.calls, half.calls]).toEqual([
      ["connectionMade", "readConnectionLost"],
      ["connectionMade", "readConnectionLost"],
    ]);
  });

  it("gets bytes from a stream that emits strings", async () => {
    const stream = new PassThrough();
    stream.setEncoding("utf8");
    const a = new Recorder();
    const transport = fromDuplex(stream, a);
    transport.write("Grüße");
    await a.arrived.reaches(7);
    expect(a.text).toBe("Grüße");
  });
});

describe("producers over a Duplex", () => {
  it("a push producer is paused above the stream's high-water mark, and resumed on 'drain'", async () => {
    const [left, right] = pipe();
    const a = new Recorder();
    const transport = fromDuplex(left, a);
    const calls: string[] = [];
    const producer: PushProducer = {
      pauseProducing: () => void calls.push("pause"),
      resumeProducing: () => void calls.push("resume"),
      stopProducing: () => void calls.push("stop"),
    };
    transport.registerProducer(producer, true);
    expect(() => transport.registerProducer(producer, true)).toThrow("already has a producer");
    transport.write(Buffer.alloc(100_000));
    transport.write(Buffer.alloc(100_000));
    expect(calls).toEqual(["pause"]);
    transport.loseConnection();
    await turns(2);
    expect(a.losses, "a paused producer has more to say").toBe(0);
    right.resume();
    await a.lossError();
    expect(calls, "it was resumed, and was not paused again").toEqual(["pause", "resume", "stop"]);
    transport.unregisterProducer();
    const refused: string[] = [];
    transport.registerProducer({ ...producer, stopProducing: () => void refused.push("stop") }, true);
    expect(refused).toEqual(["stop"]);
  });

  it("a pull producer is asked while the stream has room, also after loseConnection()", async () => {
    const [a, b] = [new Recorder(), new Recorder()];
    const [left] = pair(a, b);
    let at = 0;
    const producer: PullProducer = {
      resumeProducing() {
        if (at === MIB) return left.unregisterProducer();
        left.write(flow(1024, at));
        at += 1024;
      },
      stopProducing() {},
    };
    left.registerProducer(producer, false);
    await b.arrived.reaches(MIB);
    await turns(2);
    left.loseConnection();
    await b.lossError();
    expect(b.arrived.count).toBe(MIB);
  });

  it("a pull producer delays the close until it unregisters; one that throws ends the connection", async () => {
    const a = new Recorder();
    const [left] = pair(a, new Recorder());
    left.registerProducer({ resumeProducing() {}, stopProducing() {} }, false);
    left.loseConnection();
    await turns(3);
    expect(a.losses).toBe(0);
    left.unregisterProducer();
    await a.lossError();
    const b = new Recorder();
    const [other] = pair(b, new Recorder());
    const bad = () => {
      throw new Error("empty");
    };
    other.registerProducer({ resumeProducing: bad, stopProducing() {} }, false);
    expect(await b.lossError()).toMatchObject({ message: "empty" });
    expect(logged.length).toBe(1);
  });
});

describe("the properties of a transport over a Duplex", () => {
  it("addresses: the stream's, the options', or none", () => {
    const [plain, named] = pipe();
    const none = fromDuplex(plain, new Recorder());
    expect([none.getPeer(), none.getHost()]).toEqual(Array(2).fill(new IPv4Address("TCP", "0.0.0.0", 0)));
    Object.assign(named, { remoteAddress: "192.0.2.1", remotePort: 1234, localAddress: "::1", localPort: 80 });
    const some = fromDuplex(named, new Recorder());
    expect(some.getPeer()).toEqual(new IPv4Address("TCP", "192.0.2.1", 1234));
    expect(some.getHost()).toEqual(new IPv6Address("TCP", "::1", 80));
    const [odd] = pipe();
    Object.assign(odd, { remoteAddress: "192.0.2.1", remotePort: "1234", localAddress: 5, localPort: 80 });
    const unknown = fromDuplex(odd, new Recorder());
    expect([unknown.getPeer(), unknown.getHost()]).toEqual(Array(2).fill(new IPv4Address("TCP", "0.0.0.0", 0)));
    const peer = new IPv4Address("TCP", "198.51.100.1", 1);
    const given = fromDuplex(pipe()[0], new Recorder(), { peer, host: peer });
    expect([given.getPeer(), given.getHost()]).toEqual([peer, peer]);
  });

  it("TCP options: passed on if the stream has them", () => {
    const [left] = pipe();
    const calls: unknown[] = [];
    Object.assign(left, {
      setNoDelay: (on: boolean) => calls.push(["noDelay", on]),
      setKeepAlive: (on: boolean) => calls.push(["keepAlive", on]),
    });
    for (const transport of [fromDuplex(left, new Recorder()), fromDuplex(pipe()[0], new Recorder())]) {
      expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([true, false]);
      transport.setTcpNoDelay(false);
      transport.setTcpKeepAlive(true);
      expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([false, true]);
    }
    expect(calls).toEqual([
      ["noDelay", false],
      ["keepAlive", true],
    ]);
  });

  it("abortConnection() resets if the stream can", async () => {
    const [left] = pipe();
    let resets = 0;
    Object.assign(left, {
      remotePort: 1,
      resetAndDestroy() {
        resets++;
        left.destroy();
      },
    });
    const a = new Recorder();
    fromDuplex(left, a).abortConnection();
    expect(await a.lossError()).toBeInstanceOf(ConnectionAborted);
    expect(resets).toBe(1);
  });
});

describe("nested bridges", () => {
  it("a transport over a Duplex over a transport over a Duplex carries 4 MiB each way", async () => {
    const [left, right] = pipe();
    const echo = new Echo();
    fromDuplex(right, echo);
    const inner = toDuplex(fromDuplex(left, new Recorder()), { allowHalfOpen: true });
    const check = new FlowCheck();
    const recorder = new Recorder();
    recorder.dataReceived = (data) => {
      check.take(data);
      recorder.arrived.add(data.length);
    };
    const outer = fromDuplex(inner, recorder);
    for (let at = 0; at < 4 * MIB; at += MIB) outer.write(flow(MIB, at));
    await recorder.arrived.reaches(4 * MIB);
    expect(check.firstWrong).toBe(-1);
    outer.loseConnection();
    expect(await recorder.lossError()).toBeInstanceOf(ConnectionDone);
  });

  it("a protocol runs over web streams, in both directions and to the end", async () => {
    const [up, down] = [new TransformStream<Uint8Array, Uint8Array>(), new TransformStream<Uint8Array, Uint8Array>()];
    const got = new Gate<string>();
    class Asker extends LineReceiver {
      override connectionMade(): void {
        this.sendLine("question");
      }
      override lineReceived(line: Buffer): void {
        got.open(String(line));
        this.transport.loseConnection();
      }
    }
    class Answerer extends LineReceiver {
      override lineReceived(line: Buffer): void {
        this.sendLine(`answer to ${line}`);
      }
    }
    fromWeb({ readable: up.readable, writable: down.writable }, new Answerer());
    fromWeb({ readable: down.readable, writable: up.writable }, new Asker());
    expect(await got.promise).toBe("answer to question");
  });
});

describe("a connection as web streams", () => {
  function over(): { end: End; streams: ReturnType<typeof toWeb> } {
    const [left, end] = pipe();
    return { end, streams: toWeb(connectionOver(fromDuplex(left, new Recorder()))) };
  }

  it("reads by default readers, by BYOB readers and by loops", async () => {
    const { end, streams } = over();
    end.write("hello world");
    const byob = streams.readable.getReader({ mode: "byob" });
    expect(Buffer.from((await byob.read(new Uint8Array(6))).value ?? []).toString()).toBe("hello ");
    byob.releaseLock();
    const plain = streams.readable.getReader();
    expect(Buffer.from((await plain.read()).value ?? []).toString()).toBe("world");
    plain.releaseLock();
    end.end("rest");
    let rest = "";
    for await (const piece of streams.readable) rest += Buffer.from(piece).toString();
    expect(rest).toBe("rest");
  });

  it("ends BYOB readers, and gives them memory of their own", async () => {
    const { end, streams } = over();
    const piece = Buffer.from("shared memory").subarray(0, 6);
    end.write(piece);
    const reader = streams.readable.getReader({ mode: "byob" });
    const { value } = await reader.read(new Uint8Array(100));
    expect(Buffer.from(value ?? []).toString()).toBe("shared");
    expect(piece.buffer.byteLength).toBeGreaterThan(0);
    end.end();
    expect((await reader.read(new Uint8Array(100))).done).toBe(true);
  });

  it("writes bytes and text, and ends by closing", async () => {
    const { end, streams } = over();
    const writer = streams.writable.getWriter();
    await writer.write("text ");
    await writer.write(new Uint8Array([98]));
    await writer.close();
    expect(String(Buffer.concat(await end.toArray()))).toBe("text b");
  });

  it("is closed by cancel(), aborted by abort(), and both streams fail with the connection", async () => {
    const cancelled = over();
    await cancelled.streams.readable.cancel();
    expect(cancelled.end.readableEnded || (await cancelled.end.toArray()).length === 0).toBe(true);
    const [left] = pipe();
    const cut = toWeb(fromDuplex(left, new Recorder()));
    await cut.writable.abort();
    expect(left.destroyed).toBe(true);
    const [failing] = pipe();
    const failed = toWeb(fromDuplex(failing, new Recorder()));
    const reading = failed.readable.getReader().read();
    failing.destroy(new Error("broken"));
    await expect(reading).rejects.toBeInstanceOf(ConnectionLost);
    await expect(failed.writable.getWriter().closed).rejects.toBeInstanceOf(ConnectionLost);
  });
});
