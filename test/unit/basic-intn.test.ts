import { describe, expect, it } from "vitest";
import {
  Int8StringReceiver,
  Int16StringReceiver,
  Int32StringReceiver,
  IntNStringReceiver,
  StringTooLongError,
} from "../../src/entries/protocols/basic.ts";
import { Accumulator } from "../../src/protocols/basic/accumulator.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { collectLog } from "../helpers/log.ts";
import { expectBounded } from "../helpers/memory.ts";

/** What the tests need of each class. */
interface Strings extends IntNStringReceiver {
  readonly got: Buffer[];
  readonly exceeded: number[];
  /** Called last for each string. */
  onString: (string: string) => unknown;
}

function recording(Receiver: typeof Int32StringReceiver): new () => Strings {
  return class extends Receiver implements Strings {
    readonly got: Buffer[] = [];
    readonly exceeded: number[] = [];
    onString: (string: string) => unknown = () => undefined;

    override stringReceived(string: Buffer): unknown {
      this.got.push(string);
      return this.onString(string.toString());
    }
    override lengthLimitExceeded(length: number): void {
      this.exceeded.push(length);
      super.lengthLimitExceeded(length);
    }
  };
}

/** Prefixes of three bytes, as a program may want. */
class Int24StringReceiver extends IntNStringReceiver {
  override readonly prefixLength: number = 3;
}

function start<P extends IntNStringReceiver>(protocol: P): { protocol: P; transport: FakeTransport } {
  return { protocol, transport: new FakeTransport().connect(protocol) };
}

function framed(prefixLength: number, ...strings: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    strings.flatMap((string) => {
      const prefix = Buffer.alloc(prefixLength);
      prefix.writeUIntBE(string.length, 0, prefixLength);
      return [prefix, Buffer.from(string)];
    }),
  );
}

function prefixOf(prefixLength: number, length: number): Buffer {
  const prefix = Buffer.alloc(prefixLength);
  prefix.writeUIntBE(length, 0, prefixLength);
  return prefix;
}

const texts = (strings: readonly Buffer[]) => strings.map(String);

describe.each([
  ["Int8StringReceiver", recording(Int8StringReceiver), 1],
  ["Int16StringReceiver", recording(Int16StringReceiver), 2],
  ["a receiver with a prefix of three bytes", recording(Int24StringReceiver), 3],
  ["Int32StringReceiver", recording(Int32StringReceiver), 4],
])("%s", (_name, Receiver, size) => {
  it("has a prefixLength, borrows, and allows 99,999 bytes", () => {
    const { protocol } = start(new Receiver());
    expect(protocol.prefixLength).toBe(size);
    expect((protocol.constructor as typeof IntNStringReceiver).borrows).toBe(true);
    expect(protocol.MAX_LENGTH).toBe(99_999);
  });

  it("delivers strings without their prefix, empty ones too", () => {
    const { protocol, transport } = start(new Receiver());
    transport.receive(framed(size, "one", "", "three"));
    expect(texts(protocol.got)).toEqual(["one", "", "three"]);
  });

  it("delivers strings that arrive byte by byte", () => {
    const { protocol, transport } = start(new Receiver());
    for (const byte of framed(size, "a", "b".repeat(16), "")) transport.receive(Buffer.from([byte]));
    expect(texts(protocol.got)).toEqual(["a", "b".repeat(16), ""]);
  });

  it("delivers strings wherever the stream is split in two reads", () => {
    const stream = framed(size, "first", "", "2", "x".repeat(100), "end");
    for (let cut = 0; cut <= stream.length; cut++) {
      const { protocol, transport } = start(new Receiver());
      transport.receive(stream.subarray(0, cut));
      transport.receive(stream.subarray(cut));
      expect(texts(protocol.got), `cut at ${cut}`).toEqual(["first", "", "2", "x".repeat(100), "end"]);
    }
  });

  it("delivers nothing of an incomplete string", () => {
    for (const partial of [
      prefixOf(size, 9).subarray(0, size - 1),
      prefixOf(size, 9),
      framed(size, "xy").subarray(0, -1),
    ]) {
      const { protocol, transport } = start(new Receiver());
      transport.receive(partial);
      expect(protocol.got).toEqual([]);
      expect(transport.disconnecting).toBe(false);
    }
  });

  it("sends bytes or text with the length in bytes as prefix", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.sendString(Buffer.from("bytes"));
    protocol.sendString("grüß");
    protocol.sendString("");
    expect(transport.written).toEqual(framed(size, "bytes", Buffer.from("grüß"), ""));
  });

  it("closes as soon as a prefix above MAX_LENGTH arrives, and delivers nothing more", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.MAX_LENGTH = 10;
    transport.receive(framed(size, "x".repeat(10)));
    expect(transport.disconnecting).toBe(false);
    transport.receive(prefixOf(size, 11));
    expect(protocol.exceeded).toEqual([11]);
    expect(transport.disconnecting).toBe(true);
    transport.receive("x".repeat(11));
    transport.receive(framed(size, "late"));
    expect(texts(protocol.got)).toEqual(["x".repeat(10)]);
  });

  it("does not deliver a string above MAX_LENGTH that arrived together with its prefix", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.MAX_LENGTH = 10;
    transport.receive(framed(size, "x".repeat(11), "next"));
    expect(protocol.got).toEqual([]);
    expect(protocol.exceeded).toEqual([11]);
  });

  it("drops exactly the over-long string when lengthLimitExceeded() leaves the connection open", () => {
    const stream = framed(size, "a", "x".repeat(50), "b", "y".repeat(51), "c");
    for (const most of [1, 7, 60, stream.length]) {
      const { protocol, transport } = start(new Receiver());
      protocol.MAX_LENGTH = 10;
      protocol.lengthLimitExceeded = (length) => void protocol.exceeded.push(length);
      for (let at = 0; at < stream.length; at += most) transport.receive(stream.subarray(at, at + most));
      expect(protocol.exceeded).toEqual([50, 51]);
      expect(texts(protocol.got)).toEqual(["a", "b", "c"]);
    }
  });

  it("stops delivering once the connection closes", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.onString = (string) => string === "quit" && transport.loseConnection();
    transport.receive(framed(size, "one", "quit", "late"));
    transport.receive(framed(size, "later"));
    expect(texts(protocol.got)).toEqual(["one", "quit"]);
  });

  it("stops at once when it is paused inside stringReceived(), and delivers the rest after resumeProducing()", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.onString = (string) => string === "stop" && protocol.pauseProducing();
    transport.receive(framed(size, "one", "stop", "two", "stop", "three").subarray(0, -2));
    expect(texts(protocol.got)).toEqual(["one", "stop"]);
    expect(transport.paused).toBe(true);
    protocol.resumeProducing();
    expect(texts(protocol.got)).toEqual(["one", "stop", "two", "stop"]);
    expect(transport.paused).toBe(true);
    transport.receive("ee");
    expect(texts(protocol.got)).toEqual(["one", "stop", "two", "stop"]);
    protocol.resumeProducing();
    expect(texts(protocol.got)).toEqual(["one", "stop", "two", "stop", "three"]);
    expect(transport.paused).toBe(false);
  });

  it("continues when it is resumed inside the same stringReceived()", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.onString = () => {
      protocol.pauseProducing();
      protocol.resumeProducing();
    };
    transport.receive(framed(size, "one", "two", "three"));
    expect(texts(protocol.got)).toEqual(["one", "two", "three"]);
  });

  it("takes one string at a time from 10,000 in linear time", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.onString = () => protocol.pauseProducing();
    transport.receive(framed(size, ...Array.from({ length: 10_000 }, () => "string")));
    for (let i = 1; i < 10_000; i++) protocol.resumeProducing();
    expect(protocol.got).toHaveLength(10_000);
  });

  it("appends data that arrives during stringReceived() to its buffer", () => {
    const { protocol, transport } = start(new Receiver());
    const late = framed(size, "three", "four");
    protocol.onString = (string) => string === "one" && transport.receive(late.subarray(0, -2));
    transport.receive(framed(size, "one", "two"));
    expect(texts(protocol.got)).toEqual(["one", "two", "three"]);
    transport.receive(late.subarray(-2));
    expect(texts(protocol.got)).toEqual(["one", "two", "three", "four"]);
  });

  it("closes on stopProducing(), and delivers nothing more", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.onString = () => protocol.stopProducing();
    transport.receive(framed(size, "one", "two"));
    expect(transport.disconnecting).toBe(true);
    expect(texts(protocol.got)).toEqual(["one"]);
  });

  it("keeps the bytes after a string whose stringReceived() threw", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.onString = (string) => {
      if (string === "bad") throw new RangeError("bad string");
    };
    expect(() => transport.receive(framed(size, "bad", "next"))).toThrow(RangeError);
    transport.receive(framed(size, "last"));
    expect(texts(protocol.got)).toEqual(["bad", "next", "last"]);
  });

  it("delivers 200,000 empty strings of one read without growing the stack", () => {
    const { protocol, transport } = start(new Receiver());
    transport.receive(Buffer.alloc(200_000 * size));
    expect(protocol.got).toHaveLength(200_000);
  });

  it("never overwrites a delivered string", () => {
    const { protocol, transport } = start(new Receiver());
    const sent = Array.from({ length: 300 }, (_, i) => String.fromCharCode(0x61 + (i % 26)).repeat(i % 200));
    const stream = framed(size, ...sent);
    for (let at = 0; at < stream.length; at += 997) transport.receive(stream.subarray(at, at + 997));
    expect(texts(protocol.got)).toEqual(sent);
  });

  it("says what to do when the class does not override stringReceived()", () => {
    class Empty extends (Object.getPrototypeOf(Receiver) as typeof Int32StringReceiver) {}
    const { transport } = start(new Empty());
    expect(() => transport.receive(framed(size, "a"))).toThrow(
      "Empty receives strings: it must override stringReceived(string).",
    );
  });
});

describe("Int8StringReceiver and Int16StringReceiver", () => {
  it.each([
    ["Int8StringReceiver", Int8StringReceiver, 255],
    ["Int16StringReceiver", Int16StringReceiver, 65_535],
  ])("%s sends the longest string that its prefix can tell, and refuses a longer one", (_name, Receiver, most) => {
    const { protocol, transport } = start(new Receiver());
    protocol.sendString(Buffer.alloc(most, "x"));
    expect(transport.written.length).toBe(protocol.prefixLength + most);
    expect(() => protocol.sendString(Buffer.alloc(most + 1))).toThrow(StringTooLongError);
    expect(() => protocol.sendString("é".repeat(most / 2 + 1))).toThrow(
      expect.objectContaining({ code: "ERR_STRING_TOO_LONG", message: expect.stringContaining(`maximum is ${most}`) }),
    );
    expect(transport.written.length).toBe(protocol.prefixLength + most);
  });
});

describe("Int32StringReceiver", () => {
  const Int32 = recording(Int32StringReceiver);
  const log = collectLog();

  it("uses network byte order", () => {
    const { protocol, transport } = start(new Int32());
    protocol.sendString("foo");
    expect(transport.take()).toBe("\0\0\0\u0003foo");
    transport.receive("\0\0\0\u0004ubar");
    expect(texts(protocol.got)).toEqual(["ubar"]);
  });

  it("reads a prefix as an unsigned number", () => {
    const { protocol, transport } = start(new Int32());
    transport.receive(Buffer.from([0xff, 0xff, 0xff, 0xfe]));
    expect(protocol.exceeded).toEqual([0xfffffffe]);
  });

  it("sends and receives long strings", () => {
    const { protocol, transport } = start(new Int32());
    const long = Buffer.from(Array.from({ length: 99_999 }, (_, i) => i % 251));
    protocol.sendString(long);
    protocol.sendString(long.toString("latin1"));
    const stream = transport.written;
    for (let at = 0; at < stream.length; at += 1448) transport.receive(stream.subarray(at, at + 1448));
    expect(protocol.got[0]?.equals(long)).toBe(true);
    // Most bytes above 127 take two as UTF-8, so the second is too long.
    expect(protocol.exceeded).toEqual([Buffer.byteLength(long.toString("latin1"))]);
  });

  it("allocates nothing for a prefix of 2 GiB, whether it is refused or allowed", async () => {
    await expectBounded(1024 * 1024, () =>
      Array.from({ length: 200 }, (_, i) => {
        const { protocol, transport } = start(new Int32());
        protocol.MAX_LENGTH = i % 2 === 0 ? 99_999 : 2 ** 31;
        transport.receive(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
        transport.receive("some bytes");
        expect(protocol.got).toEqual([]);
        return protocol;
      }),
    );
  });

  it("holds memory for the bytes received, not for the announced length", () => {
    const buffer = new Accumulator();
    buffer.add(Buffer.alloc(70_000));
    expect(buffer.has(1 << 30)).toBe(false);
    const before = process.memoryUsage().arrayBuffers;
    buffer.add(Buffer.alloc(70_000));
    expect(buffer.length).toBe(140_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
  });

  it("ends the connection when an async stringReceived() rejects", async () => {
    const { protocol, transport } = start(new Int32());
    protocol.onString = async () => {
      throw new RangeError("bad string");
    };
    transport.receive(framed(4, "one"));
    await new Promise(setImmediate);
    expect(transport.aborted).toBe(true);
    expect(log()).toEqual([expect.stringMatching(/threw; its connection to .* is closed: RangeError: bad string/)]);
  });
});
