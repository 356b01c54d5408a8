import { describe, expect, expectTypeOf, it } from "vitest";
import { TimeoutMixin } from "../../src/entries/protocols/policies.ts";
import { SkeinError } from "../../src/internet/error.ts";
import { type State, StatefulProtocol } from "../../src/protocols/stateful.ts";
import { Clock } from "../../src/testing/clock.ts";
import { forSeeds } from "../helpers/cases.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { turns } from "../helpers/gate.ts";
import { collectLog } from "../helpers/log.ts";
import { between, fragments } from "../helpers/random.ts";
import { volume } from "../helpers/volume.ts";

const log = collectLog();

/** Strings behind their length in 32 bits. */
class Strings extends StatefulProtocol {
  readonly received: Buffer[] = [];
  readonly MAX_LENGTH: number = 50;

  override getInitialState(): State {
    return [this.header, 4];
  }
  header(data: Buffer): State | undefined {
    const length = data.readUInt32BE();
    if (length <= this.MAX_LENGTH) return [this.body, length];
    this.transport.loseConnection();
    return undefined;
  }
  body(data: Buffer): State {
    this.received.push(data);
    return [this.header, 4];
  }
  get texts(): string[] {
    return this.received.map(String);
  }
}

function frame(text: string | Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text as string)]);
}

/** What a protocol that does not borrow gets: bytes of its own. */
function feed<P extends StatefulProtocol>(protocol: P, ...pieces: Buffer[]): P {
  for (const piece of pieces) protocol.dataReceived(Buffer.from(piece));
  return protocol;
}

function connected<P extends StatefulProtocol>(protocol: P): P {
  new FakeTransport().connect(protocol);
  return protocol;
}

describe("a StatefulProtocol", () => {
  it("calls the initial state's callback with its bytes, then each next state's", () => {
    const protocol = feed(connected(new Strings()), frame("hello"), frame("world"));
    expect(protocol.texts).toEqual(["hello", "world"]);
  });

  it("delivers many messages from one read", () => {
    const texts = ["a", "b".repeat(16), "", "c"];
    const all = Buffer.concat([...texts, ...texts, ...texts].map(frame));
    expect(feed(connected(new Strings()), all).texts).toEqual([...texts, ...texts, ...texts]);
  });

  it("delivers messages that arrive byte by byte", () => {
    const all = Buffer.concat([frame("hello"), frame(""), frame("world")]);
    const protocol = connected(new Strings());
    for (const byte of all) feed(protocol, Buffer.of(byte));
    expect(protocol.texts).toEqual(["hello", "", "world"]);
  });

  it.each(["\x00\x00\x00", "\x00\x00\x00\x0bhello ther", ""])("waits for the rest of %j", (partial) => {
    const protocol = feed(connected(new Strings()), Buffer.from(partial, "latin1"));
    expect(protocol.received).toEqual([]);
  });

  it("delivers exactly the messages of random streams in random pieces", () => {
    forSeeds(volume({ gate: 500, long: 50_000 }), (random) => {
      const texts = Array.from({ length: between(random, 0, 7) }, () => "x".repeat(between(random, 0, 50)));
      const all = Buffer.concat(texts.map(frame));
      const protocol = feed(connected(new Strings()), ...fragments(random, all, 40));
      expect(protocol.texts).toEqual(texts);
    });
  });

  it("delivers nothing after loseConnection()", () => {
    const protocol = feed(connected(new Strings()), Buffer.concat([frame("a"), frame("x".repeat(51)), frame("b")]));
    expect(protocol.texts).toEqual(["a"]);
    expect(protocol.transport.disconnecting).toBe(true);
  });

  it("delivers nothing more when a message joined from two reads closed the connection", () => {
    const protocol = connected(new Strings());
    const all = Buffer.concat([frame("x".repeat(51)), frame("b")]);
    feed(protocol, all.subarray(0, 2), all.subarray(2));
    expect(protocol.texts).toEqual([]);
  });

  it("stays in its state when the callback returns nothing, or null", () => {
    class Pairs extends StatefulProtocol {
      readonly pairs: string[] = [];
      override getInitialState(): State {
        return [this.pair, 2];
      }
      pair(data: Buffer): null | undefined {
        this.pairs.push(data.toString());
        return this.pairs.length % 2 === 0 ? null : undefined;
      }
    }
    expect(feed(connected(new Pairs()), Buffer.from("aabbc"), Buffer.from("cd")).pairs).toEqual(["aa", "bb", "cc"]);
  });

  it("gives the callback its bytes for good", () => {
    const protocol = connected(new Strings());
    const all = frame("a message in two pieces");
    feed(protocol, all.subarray(0, 10), all.subarray(10), frame("another one, longer than the first"), frame("third"));
    expect(protocol.texts).toEqual(["a message in two pieces", "another one, longer than the first", "third"]);
  });

  it("asks for its first state after connectionMade()", () => {
    const calls: string[] = [];
    class Ordered extends Strings {
      override connectionMade(): void {
        calls.push("connectionMade");
      }
      override getInitialState(): State {
        calls.push("getInitialState");
        return super.getInitialState();
      }
    }
    connected(new Ordered());
    expect(calls).toEqual(["connectionMade", "getInitialState"]);
  });

  it("throws without getInitialState()", () => {
    expect(() => connected(new StatefulProtocol())).toThrow(/^StatefulProtocol must override getInitialState/);
  });

  it("refuses an async callback, since a promise is not a state", () => {
    class Async extends StatefulProtocol {
      override getInitialState(): State {
        // @ts-expect-error: a callback returns its state at once
        return [async () => undefined, 1];
      }
    }
    expect(() => feed(connected(new Async()), Buffer.of(1))).toThrow(/^A method of Async .* returned a promise/);
  });

  it("ends only its connection when an async callback rejects", async () => {
    class Rejecting extends StatefulProtocol {
      override getInitialState(): State {
        const fail = async (): Promise<never> => {
          throw new RangeError("no such state");
        };
        return [fail as never, 1];
      }
    }
    const protocol = connected(new Rejecting());
    const { transport } = protocol;
    expect(() => feed(protocol, Buffer.of(1))).toThrow(SkeinError);
    await turns(1);
    expect([log(), transport.disconnecting]).toEqual([[expect.stringContaining("no such state")], true]);
  });

  it("gives each message memory of its own, which can be transferred", () => {
    for (const size of [4, 12]) {
      const seen: string[] = [];
      class Transferring extends StatefulProtocol {
        override getInitialState(): State {
          return [this.message, size];
        }
        message(data: Buffer): void {
          seen.push(data.toString());
          structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
        }
      }
      const chunk = Buffer.from(new Uint8Array(Buffer.from("aaaabbbbcccc")).buffer);
      connected(new Transferring()).dataReceived(chunk);
      expect(seen.join("")).toBe("aaaabbbbcccc");
    }
  });

  it("works with TimeoutMixin", () => {
    class Timed extends TimeoutMixin(Strings) {
      override body(data: Buffer): State {
        this.resetTimeout();
        return super.body(data);
      }
    }
    const clock = new Clock();
    const protocol = connected(new Timed());
    protocol.clock = clock;
    protocol.setTimeout(2);
    clock.advance(1);
    feed(protocol, frame("hello"));
    clock.advance(1.9);
    expect(protocol.transport.disconnecting).toBe(false);
    clock.advance(0.1);
    expect(protocol.transport.disconnecting).toBe(true);
  });

  it("runs states of 0 bytes at once", () => {
    const calls: string[] = [];
    class Zero extends StatefulProtocol {
      override getInitialState(): State {
        return [this.first, 1];
      }
      first(data: Buffer): State {
        calls.push(`first ${data}`);
        return [this.nothing, 0];
      }
      nothing(data: Buffer): State {
        calls.push(`nothing ${data.length}`);
        return [this.first, 1];
      }
    }
    feed(connected(new Zero()), Buffer.from("a"), Buffer.from("b"));
    expect(calls).toEqual(["first a", "nothing 0", "first b", "nothing 0"]);
  });

  it("refuses a state of 0 bytes that never changes", () => {
    class Stuck extends StatefulProtocol {
      override getInitialState(): State {
        return [() => undefined, 0];
      }
    }
    expect(() => feed(connected(new Stuck()), Buffer.from("a"))).toThrow(/^Stuck stays in a state of 0 bytes/);
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, undefined])("refuses to wait for %s bytes", (length) => {
    class Odd extends StatefulProtocol {
      override getInitialState(): State {
        return [() => [() => undefined, length as number], 1];
      }
    }
    const protocol = connected(new Odd());
    const refusal = `Odd cannot wait for ${length} bytes: a state is [callback, whole number of bytes].`;
    expect(() => feed(protocol, Buffer.of(1))).toThrow(new SkeinError(refusal));
  });

  it("holds memory for about twice the bytes received, whatever length was announced", () => {
    class Huge extends Strings {
      override readonly MAX_LENGTH = 2 ** 32;
    }
    const protocol = connected(new Huge());
    const before = process.memoryUsage().arrayBuffers;
    feed(protocol, Buffer.of(0xff, 0xff, 0xff, 0xff), Buffer.alloc(1000));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  it("has callbacks that return a state or nothing", () => {
    expectTypeOf<Strings["getInitialState"]>().returns.toEqualTypeOf<State>();
    const states: State[] = [
      [() => {}, 1],
      [(data: Buffer) => [() => null, data.length], 1],
    ];
    expect(states).toHaveLength(2);
    // @ts-expect-error: a state has a length
    const wrong: State = [() => undefined];
    expect(wrong).toHaveLength(1);
  });
});
