import { describe, expect, it } from "vitest";
import {
  Int8StringReceiver,
  Int16StringReceiver,
  Int32StringReceiver,
  LineReceiver,
  NetstringReceiver,
} from "../../src/entries/protocols/basic.ts";
import type { Protocol } from "../../src/internet/protocol.ts";
import { forSeeds } from "../helpers/cases.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { between, fragments, type Random } from "../helpers/random.ts";
import { volume } from "../helpers/volume.ts";

/** Five kinds of streams, the two that most protocols are built on more often. */
const MANY = volume({ gate: 20_000, long: 1_000_000 });
const SOME = volume({ gate: 4_000, long: 200_000 });

/** Pieces of a stream: single bytes, some bytes, or all at once. */
function cut(random: Random, stream: Buffer): Buffer[] {
  const style = random();
  return fragments(random, stream, style < 0.2 ? 1 : style < 0.8 ? between(random, 2, 60) : stream.length);
}

function bytes(random: Random, length: number): Buffer {
  const made = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) made[i] = between(random, 0, 255);
  return made;
}

/** Mostly short, at times longer than what a receiver keeps memory for. */
function size(random: Random): number {
  const style = random();
  return style < 0.1 ? 0 : style < 0.93 ? between(random, 0, 24) : between(random, 0, 3000);
}

/** Give `protocol` the pieces; whenever it is paused, it is resumed sooner or later. */
function feed(random: Random, protocol: Protocol & Pausable, pieces: readonly Buffer[]): void {
  const transport = new FakeTransport().connect(protocol);
  for (const piece of pieces) {
    transport.receive(piece);
    // A real transport brings nothing while it is paused, but what was on its way may come.
    if (protocol.paused && random() < 0.7) protocol.resumeProducing();
  }
  for (let i = 0; protocol.paused; i++) {
    if (i > 10_000) throw new Error("the protocol pauses without end");
    protocol.resumeProducing();
  }
  if (transport.disconnecting) throw new Error("the connection was closed");
}

interface Pausable {
  readonly paused: boolean;
  pauseProducing(): void;
  resumeProducing(): void;
}

/** Equal, also after everything else was received and the pieces were overwritten. */
function same(got: readonly Buffer[], wanted: readonly Buffer[]): void {
  if (got.length === wanted.length && got.every((one, i) => one.equals(wanted[i]!))) return;
  expect(got.map((one) => one.toString("latin1"))).toEqual(wanted.map((one) => one.toString("latin1")));
}

/** Lines, and after a line "!<length>" so many raw bytes. */
class Mixed extends LineReceiver {
  readonly random: Random;
  readonly got: Buffer[] = [];
  #raw: Buffer[] = [];
  #wanted = 0;

  constructor(random: Random) {
    super();
    this.random = random;
  }

  override lineReceived(line: Buffer): void {
    this.got.push(line);
    if (line[0] === 0x21) {
      this.#wanted = Number(line.toString("latin1", 1));
      this.setRawMode();
    }
    this.#rest();
  }

  override rawDataReceived(data: Buffer): void {
    const own = data.subarray(0, this.#wanted);
    this.#wanted -= own.length;
    this.#raw.push(own);
    if (this.#wanted === 0) {
      this.got.push(Buffer.concat(this.#raw));
      this.#raw = [];
      this.setLineMode(data.subarray(own.length));
    }
    this.#rest();
  }

  #rest(): void {
    if (this.random() < 0.1) this.pauseProducing();
  }
}

describe("any fragmentation of any stream yields exactly its frames", () => {
  it("for LineReceiver, with raw mode and pauses", () => {
    forSeeds(MANY, (random) => {
      const delimiter = ["\r\n", "\n", "--\n", "\0"][between(random, 0, 3)]!;
      const wanted: Buffer[] = [];
      const parts: Buffer[] = [];
      for (let i = between(random, 1, 10); i > 0; i--) {
        if (random() < 0.25) {
          const raw = bytes(random, between(random, 1, 40));
          wanted.push(Buffer.from(`!${raw.length}`), raw);
          parts.push(Buffer.from(`!${raw.length}${delimiter}`), raw);
        } else {
          // Beginnings of delimiters, but none that is whole.
          const length = size(random);
          const line = Buffer.from("ab--\rc".repeat(1 + length / 6)).subarray(0, length);
          wanted.push(line);
          parts.push(line, Buffer.from(delimiter));
        }
      }
      const protocol = new Mixed(random);
      protocol.delimiter = delimiter;
      feed(random, protocol, cut(random, Buffer.concat(parts)));
      same(protocol.got, wanted);
    });
  });

  it.each([
    ["Int32StringReceiver", Int32StringReceiver, MANY, 3000],
    ["Int16StringReceiver", Int16StringReceiver, SOME, 3000],
    ["Int8StringReceiver", Int8StringReceiver, SOME, 255],
    ["NetstringReceiver", NetstringReceiver, SOME, 3000],
  ])("for %s, with pauses", (_name, Receiver, count, most) => {
    class Strings extends (Receiver as typeof Int32StringReceiver) {
      readonly got: Buffer[] = [];
      random: Random = () => 1;

      override stringReceived(string: Buffer): void {
        this.got.push(string);
        if (this.random() < 0.1) this.pauseProducing();
      }
    }
    forSeeds(count, (random) => {
      const sender = new Strings();
      const transport = new FakeTransport().connect(sender);
      const wanted = Array.from({ length: between(random, 0, 10) }, () => bytes(random, Math.min(most, size(random))));
      for (const string of wanted) sender.sendString(string);
      const receiver = new Strings();
      receiver.random = random;
      feed(random, receiver, cut(random, transport.written));
      same(receiver.got, wanted);
    });
  });
});
