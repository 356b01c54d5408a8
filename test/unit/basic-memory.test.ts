/** What a peer can make a receiver hold: 1 GiB in chunks of 64 KiB, none of which ends a message. */
import type { ReadableByteStreamController } from "node:stream/web";
import { describe, expect, it } from "vitest";
import {
  Int32StringReceiver,
  LineOnlyReceiver,
  LineReceiver,
  NetstringReceiver,
} from "../../src/entries/protocols/basic.ts";
import type { Protocol } from "../../src/internet/protocol.ts";
import { Accumulator } from "../../src/protocols/basic/accumulator.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { buffersHeld, expectBounded } from "../helpers/memory.ts";

const CHUNK = 64 * 1024;
const CHUNKS = 2 ** 30 / CHUNK;
/** What is not the receiver's: blocks that other tests filled, and what a collection has not reached. */
const SLACK = 256 * 1024;

/** The most bytes that Buffers held, after 1 GiB of "x" and on the way there, beyond what was held before. */
async function mostHeld(protocol: Protocol, first = ""): Promise<number> {
  const transport = new FakeTransport().connect(protocol);
  const chunk = Buffer.alloc(CHUNK, "x");
  const before = await buffersHeld();
  let most = 0;
  transport.receive(first);
  for (let i = 0; i < CHUNKS; i++) {
    // The same memory again and again, as the engine's.
    protocol.dataReceived(chunk);
    if (i % 1024 === 0) most = Math.max(most, (await buffersHeld()) - before);
  }
  most = Math.max(most, (await buffersHeld()) - before);
  return most;
}

describe("a message of 1 GiB", () => {
  it.each([
    ["LineReceiver", LineReceiver],
    ["LineOnlyReceiver", LineOnlyReceiver],
  ])("closes the connection of a %s, which holds nothing of it", async (_name, Receiver) => {
    const protocol = new Receiver();
    expect(await mostHeld(protocol)).toBeLessThan(SLACK);
    expect(protocol.transport.disconnecting).toBe(true);
  });

  it.each([
    ["LineReceiver", LineReceiver],
    ["LineOnlyReceiver", LineOnlyReceiver],
  ])(
    "is given to lineLengthExceeded() of a %s that stays, MAX_LENGTH and a chunk at most at a time",
    async (_name, R) => {
      for (const maxLength of [16_384, 1024 * 1024]) {
        const protocol = new R();
        let longest = 0;
        let all = 0;
        protocol.MAX_LENGTH = maxLength;
        protocol.lineLengthExceeded = (line) => {
          longest = Math.max(longest, line.length);
          all += line.length;
        };
        // Memory for a line that grows is taken in steps of twice as much.
        expect(await mostHeld(protocol)).toBeLessThan(2 * (maxLength + CHUNK) + SLACK);
        expect(longest).toBeLessThanOrEqual(maxLength + CHUNK);
        expect(all).toBeGreaterThan(2 ** 30 - maxLength - CHUNK);
      }
    },
  );

  it("is dropped as it arrives by an Int32StringReceiver that keeps the connection", async () => {
    const protocol = new Int32StringReceiver();
    let announced = 0;
    protocol.lengthLimitExceeded = (length) => {
      announced = length;
    };
    expect(await mostHeld(protocol, "\x7f\0\0\0")).toBeLessThan(SLACK);
    expect(announced).toBe(0x7f000000);
    expect(protocol.transport.disconnecting).toBe(false);
  });

  it("closes the connection of an Int32StringReceiver and of a NetstringReceiver", async () => {
    for (const [protocol, first] of [
      [new Int32StringReceiver(), "\x7f\xff"],
      [new NetstringReceiver(), "99999"],
    ] as const) {
      expect(await mostHeld(protocol, first)).toBeLessThan(SLACK);
      expect(protocol.transport.disconnecting).toBe(true);
    }
  });
});

describe("a receiver with an empty buffer", () => {
  it("holds no memory of long messages that it has joined", async () => {
    await expectBounded(SLACK, () =>
      Array.from({ length: 100 }, () => {
        const protocol = new Int32StringReceiver();
        const transport = new FakeTransport().connect(protocol);
        protocol.stringReceived = () => {};
        transport.receive(Buffer.from([0, 0, 0xc3, 0x50]));
        for (let i = 0; i < 5; i++) transport.receive(Buffer.alloc(10_000));
        return protocol;
      }),
    );
  });

  it("holds no memory of bytes that arrived while it was paused", async () => {
    await expectBounded(SLACK, () =>
      Array.from({ length: 100 }, () => {
        const protocol = new Int32StringReceiver();
        const transport = new FakeTransport().connect(protocol);
        protocol.stringReceived = () => {};
        protocol.pauseProducing();
        transport.receive(Buffer.alloc(50_000));
        protocol.resumeProducing();
        return protocol;
      }),
    );
  });
});

describe("a message that is cut in two", () => {
  it("is joined without a copy of the bytes after it", () => {
    const buffer = new Accumulator();
    buffer.add(Buffer.alloc(10, "a"));
    const chunk = Buffer.alloc(1024 * 1024, "b");
    const before = process.memoryUsage().arrayBuffers;
    buffer.lend(chunk);
    expect(buffer.has(20)).toBe(true);
    expect(buffer.take(20, 0).toString()).toBe("aaaaaaaaaabbbbbbbbbb");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024);
    expect(buffer.length).toBe(1024 * 1024 - 10);
  });
});

describe("a message that goes into a byte stream", () => {
  /** A byte stream takes the memory away, on Node 20 even that which is marked as untransferable. */
  const streamed = async (message: Buffer) => {
    const start = (controller: ReadableByteStreamController) => controller.enqueue(message);
    const { value } = await new ReadableStream({ type: "bytes", start }).getReader().read();
    return Buffer.from(value as Uint8Array);
  };
  const SIZES = [1, 64, 65, 600, 5000];

  it.each(SIZES)("transfers no bytes of other messages of the same chunk, at %i bytes", async (size) => {
    const [one, other] = [new Accumulator(), new Accumulator()];
    const sent = Array.from({ length: 4 }, (_, i) => Buffer.alloc(size, i + 1));
    for (const accumulator of [one, other]) accumulator.lend(Buffer.concat(sent));
    const kept: Buffer[] = [];
    for (const message of sent) {
      kept.push(other.take(size, 0));
      expect(Buffer.compare(await streamed(one.take(size, 0)), message)).toBe(0);
    }
    for (const accumulator of [one, other]) accumulator.settle();
    expect(Buffer.concat(kept).equals(Buffer.concat(sent))).toBe(true);
    expect([one.length, other.length]).toEqual([0, 0]);
  });

  it.each(SIZES)("transfers no bytes of later messages in the receiver's own buffer, at %i bytes", async (size) => {
    const accumulator = new Accumulator();
    const sent = Buffer.concat(Array.from({ length: 3 }, (_, i) => Buffer.alloc(size, i + 1)));
    for (let at = 0; at < sent.length; at += 700) accumulator.add(sent.subarray(at, at + 700));
    for (let i = 0; i < 3; i++) {
      expect(accumulator.has(size)).toBe(true);
      expect(Buffer.compare(await streamed(accumulator.take(size, 0)), Buffer.alloc(size, i + 1))).toBe(0);
    }
    expect(accumulator.length).toBe(0);
    accumulator.add(sent);
    expect(accumulator.takeAll().equals(sent)).toBe(true);
  });
});
