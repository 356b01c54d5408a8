/** The protocols at the ends of a lane's connection: they do what they are told to, and keep what they saw. */
import { types } from "node:util";
import type { SkeinError } from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import type { TLSTransport, Transport } from "../../src/internet/interfaces.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import type { ContextFactory } from "../../src/internet/tls/seam.ts";
import { between, seeded } from "../helpers/random.ts";
import { VALUES } from "../hostile/application/values.ts";
import { takeAway } from "../hostile/application/ways.ts";
import type { Action, Manner, Reaction } from "./operations.ts";
import type { Record } from "./record.ts";

/** More than the kernel takes of a connection whose peer does not read. */
export const FLOOD_BYTES = 12 * 1024 * 1024;

/** What is written is a part of it. */
const BYTES = (() => {
  const random = seeded(1);
  return Buffer.from(Uint8Array.from({ length: 1 << 20 }, () => between(random, 0, 255)));
})();

/** How long a protocol blocks the loop that was told to. */
const BLOCK_MS = 50;

/** What an end knows of its lane. */
export interface Surroundings {
  /** The options by which it begins TLS as the client, in mid-stream. */
  readonly asClient: ContextFactory | undefined;
  /** Told of the transport once the connection is lost. */
  keep(transport: Transport): void;
}

/** One end of a lane's connection. */
export class End extends Protocol {
  readonly record: Record;
  readonly manner: Manner;
  lost = false;
  paused = false;
  ended = false;
  /** startTLS() was called. */
  secured = false;
  /** Bytes that were written while the other end did not read. */
  outstanding = 0;
  reaction: Reaction | undefined;
  /** What the reaction is to, in bytes, and how many of them have not come: a stream may cut them anywhere. */
  reactionSize = 0;
  #reactionLeft = 0;
  /** The other end has reset the connection, and this one does not know yet. */
  doomed = false;
  #written = 0;
  readonly #surroundings: Surroundings;

  constructor(record: Record, manner: Manner, surroundings: Surroundings) {
    super();
    this.record = record;
    this.manner = manner;
    this.#surroundings = surroundings;
    record.begin();
  }

  /** It does not read. */
  get deaf(): boolean {
    return this.paused || this.transport.disconnecting;
  }

  override connectionMade(): void {
    this.record.event("connectionMade");
    if (this.manner.greeting > 0) this.write(this.manner.greeting);
    if (this.manner.opening !== "nothing") this.act({ do: this.manner.opening });
  }

  /** TLS only. */
  handshakeCompleted(): void {
    this.record.event(this.lost ? "handshakeCompleted-after-the-loss" : "handshakeCompleted");
    if (this.manner.shaken !== "nothing") this.act({ do: this.manner.shaken });
  }

  override dataReceived(data: Buffer): void {
    if (this.lost) this.record.event("dataReceived-after-the-loss");
    this.record.received(data);
    const { reaction } = this;
    if (reaction === undefined) return;
    this.#reactionLeft -= data.length;
    if (reaction === "echo") this.transport.write(data);
    if (this.#reactionLeft > 0) return;
    this.reaction = undefined;
    this.#react(reaction, data);
  }

  /** React to the next `size` bytes, once all of them are there; an echo sends each piece back as it comes. */
  reactTo(size: number, reaction: Reaction): void {
    this.reaction = reaction;
    this.reactionSize = size;
    this.#reactionLeft = size;
  }

  override connectionLost(reason: Failure): void {
    this.lost = true;
    this.record.event(`connectionLost:${codeOf(reason, this.record)}`);
    this.#surroundings.keep(this.transport);
  }

  act(action: Action): void {
    switch (action.do) {
      case "write":
        this.write(action.size);
        break;
      case "end":
        this.ended = true;
        this.transport.loseWriteConnection();
        break;
      case "close":
        this.transport.loseConnection();
        break;
      case "abort":
        this.transport.abortConnection();
        break;
      case "pause":
        this.paused = true;
        this.transport.pauseProducing();
        break;
      case "resume":
        this.paused = false;
        this.transport.resumeProducing();
        break;
      case "produce":
        this.#produce(action.pieces, action.size);
        break;
    }
  }

  /** What kind of value or of transfer is given by the bytes: the same ones on every reactor. */
  #react(reaction: Reaction, data: Buffer): void {
    const choice = this.reactionSize;
    switch (reaction) {
      case "echo":
        break;
      case "secure":
        this.begin(this.#surroundings.asClient!, false);
        break;
      case "throw":
        this.#throw(new Error("As it was told to."));
        break;
      case "throw-hostile":
        this.#throw(VALUES[choice % VALUES.length]!.make());
        break;
      case "detach":
        takeAway(data, choice);
        break;
      case "block":
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCK_MS);
        break;
      default:
        this.act({ do: reaction });
    }
  }

  /** Begin TLS, and write something at once. */
  begin(options: ContextFactory, server: boolean): void {
    (this.transport as TLSTransport).startTLS(options, { server });
    this.secured = true;
    this.write(this.reactionSize + 1);
  }

  #throw(value: unknown): never {
    // What is thrown as a Failure is that Failure's value.
    this.record.thrown.add(types.isProxy(value) || !(value instanceof Failure) ? value : value.value);
    throw value;
  }

  #produce(pieces: number, size: number): void {
    let left = pieces;
    const resumeProducing = () => {
      if (left-- > 0) this.write(size);
      else this.transport.unregisterProducer();
    };
    this.transport.registerProducer({ resumeProducing, stopProducing() {} }, false);
  }

  write(size: number): void {
    for (let left = size; left > 0; ) {
      const at = (this.#written * 7919) % BYTES.length;
      const piece = BYTES.subarray(at, at + left);
      this.transport.write(piece);
      this.#written += piece.length;
      left -= piece.length;
    }
  }
}

class BorrowingEnd extends End {
  static override readonly borrows = true;
}

class HalfEnd extends End {
  readConnectionLost(): void {
    this.record.event("readConnectionLost");
  }
  writeConnectionLost(): void {
    if (this.lost) this.record.event("writeConnectionLost-after-the-loss");
    else this.record.aside("writeConnectionLost");
  }
}

class BorrowingHalfEnd extends HalfEnd {
  static override readonly borrows = true;
}

export function makeEnd(record: Record, manner: Manner, surroundings: Surroundings): End {
  const { halves, borrows } = manner;
  const Kind = halves ? (borrows ? BorrowingHalfEnd : HalfEnd) : borrows ? BorrowingEnd : End;
  return new Kind(record, manner, surroundings);
}

export function codeOf(reason: Failure, { thrown }: Record): string {
  if (thrown.has(reason.value)) return "THROWN";
  return (reason.value as Partial<SkeinError>).code ?? String(reason.value);
}
