/**
 * The receive side of a connection, as a queue of bytes with one reader.
 *
 * ```
 *   transport ── dataReceived ──▶ pieces ── read() ──▶ reader
 *       ▲                           │
 *       └── paused at HIGH_WATER, resumed when the reader takes them
 * ```
 * The queue never exceeds HIGH_WATER plus one chunk.
 */
import { onAbort } from "../internet/defer/onabort.ts";
import { ConnectionDone, ConnectionLost, SkeinError } from "../internet/error.ts";
import type { Failure } from "../internet/failure.ts";
import type { HalfCloseableProtocol, ProtocolLike, Transport } from "../internet/interfaces.ts";
import { Protocol } from "../internet/protocol.ts";
import { isThenable } from "../internet/thenable.ts";
import { summaryOf } from "../logger/describe.ts";
import { endBy, watch } from "../protocols/guard.ts";
import { Pieces } from "./pieces.ts";
import { budgetOf, type TickBudget } from "./tickbudget.ts";
import { endWrites, takeFromProducer } from "./write.ts";

/** The high-water mark: reading pauses when this many bytes wait for the reader. */
const HIGH_WATER = 64 * 1024;

interface Reader {
  /** The bytes it takes at most. */
  readonly most: number;
  resolve(data: Buffer | null): void;
  reject(reason: unknown): void;
}

export class Intake extends Protocol implements HalfCloseableProtocol {
  /** Fulfilled once the connection is lost, with the reason's error; undefined for a clean end. */
  readonly closed: Promise<unknown>;
  #settleClosed!: (error: unknown) => void;
  readonly #pieces = new Pieces();
  #paused = false;
  #ended = false;
  #lost = false;
  #error: unknown = undefined;
  #reader: Reader | null = null;
  #budget: TickBudget | null = null;
  /** The tick budget was used up when the reader could have been served: it is served in the next tick. */
  #waitsForTick = false;

  constructor() {
    super();
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
  }

  override connectionMade(): void {
    // The previous protocol may have left a producer, or paused reading.
    takeFromProducer(this.transport);
    this.transport.resumeProducing();
  }

  override dataReceived(data: Buffer): void {
    const reader = this.#reader;
    if (reader !== null && !this.#waitsForTick) {
      if (this.budget.spend(Math.min(data.length, reader.most))) {
        this.#hand(reader, data);
        return;
      }
      this.#serveNextTick();
    }
    this.#pieces.push(data);
    if (this.#pieces.size >= HIGH_WATER && !this.#paused) {
      this.#paused = true;
      this.transport.pauseProducing();
    }
  }

  readConnectionLost(): void {
    this.#end();
  }

  writeConnectionLost(): void {}

  override connectionLost(reason: Failure): void {
    this.#lost = true;
    if (reason.check(ConnectionDone) === undefined) this.#error = fulfillable(reason.value);
    this.#end();
    this.#settleClosed(this.#error);
  }

  /** The connection was lost before it was taken over. */
  missed(transport: Transport): void {
    this.transport = transport;
    this.#lost = true;
    this.#error = new ConnectionLost("The connection was lost before this began to read from it.");
    this.#end();
    this.#settleClosed(this.#error);
  }

  /** True once the connection is gone. */
  get lost(): boolean {
    return this.#lost;
  }

  /** The tick budget that all connections of the reactor share. */
  get budget(): TickBudget {
    this.#budget ??= budgetOf(this.transport);
    return this.#budget;
  }

  /**
   * The queued bytes, at most `most` of them, or the next ones that arrive; null at the end. The caller owns them.
   * @throws the reason of the loss; the signal's reason; SkeinError when another read is pending
   */
  read(signal?: AbortSignal, most = Number.POSITIVE_INFINITY): Promise<Buffer | null> {
    if (signal?.aborted) return this.budget.reject(signal.reason);
    if (this.#reader !== null) {
      return this.budget.reject(
        new SkeinError("This connection is being read already: await the read() or the loop that is under way first."),
      );
    }
    const ready = this.#pieces.size > 0 || this.#ended;
    if (ready && !this.#waitsForTick && this.budget.spend(Math.min(most, this.#pieces.size))) {
      if (this.#pieces.size > 0) return Promise.resolve(this.#take(most));
      return this.#error === undefined ? Promise.resolve(null) : Promise.reject(this.#error);
    }
    return new Promise((resolve, reject) => {
      this.#reader = signal === undefined ? { most, resolve, reject } : this.#abortable(signal, most, resolve, reject);
      if (ready && !this.#waitsForTick) this.#serveNextTick();
    });
  }

  /** End the pending read with null. */
  cancelRead(): void {
    const reader = this.#reader;
    this.#reader = null;
    reader?.resolve(null);
  }

  /** Put back bytes that were read but not used: the pending read, or else the next one, returns them first. */
  unread(data: Buffer): void {
    this.#pieces.unshift(data);
    const reader = this.#reader;
    if (reader === null || this.#waitsForTick) return;
    if (this.budget.spend(Math.min(this.#pieces.size, reader.most))) this.#serve();
    else this.#serveNextTick();
  }

  /** Discard the queued bytes: nobody will read them. */
  drop(): void {
    this.#pieces.clear();
  }

  /** Release the connection: `next` gets it, with the unread bytes. */
  giveTo(next: ProtocolLike): void {
    if (this.#lost) return;
    const { transport } = this;
    this.#resume();
    const rest = this.#pieces.takeAll();
    endWrites(transport);
    this.#lost = true;
    this.#end();
    this.#settleClosed(undefined);
    transport.switchProtocol(next);
    try {
      if (rest.length > 0 && !transport.disconnecting) watch(next.dataReceived(rest), next, transport);
    } catch (error) {
      endBy(error, next, transport);
    }
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.transport.resumeProducing();
  }

  #take(most: number): Buffer {
    const pieces = this.#pieces;
    const data = most < pieces.size ? pieces.take(most) : pieces.takeAll();
    pieces.settle();
    if (pieces.size < HIGH_WATER) this.#resume();
    return data;
  }

  #serveNextTick(): void {
    this.#waitsForTick = true;
    this.budget.wait(0, () => {
      this.#waitsForTick = false;
      if (this.#reader !== null) this.budget.charge(Math.min(this.#pieces.size, this.#reader.most));
      this.#serve();
    });
  }

  /** Pass bytes that have just arrived to the reader. */
  #hand(reader: Reader, data: Buffer): void {
    this.#reader = null;
    if (data.length <= reader.most) {
      reader.resolve(data);
    } else {
      this.#pieces.push(data);
      reader.resolve(this.#take(reader.most));
    }
  }

  /** Pass the queued bytes to the reader, if there is one. */
  #serve(): void {
    const reader = this.#reader;
    if (reader === null || (this.#pieces.size === 0 && !this.#ended)) return;
    this.#reader = null;
    if (this.#pieces.size > 0) {
      reader.resolve(this.#take(reader.most));
    } else if (this.#error === undefined) {
      reader.resolve(null);
    } else {
      reader.reject(this.#error);
    }
  }

  #end(): void {
    this.#ended = true;
    if (!this.#waitsForTick) this.#serve();
  }

  #abortable(signal: AbortSignal, most: number, resolve: Reader["resolve"], reject: Reader["reject"]): Reader {
    const release = onAbort(signal, () => {
      this.#reader = null;
      reject(signal.reason);
    });
    return {
      most,
      resolve: (data) => {
        release();
        resolve(data);
      },
      reject: (reason) => {
        release();
        reject(reason);
      },
    };
  }
}

/** `error`, or an error that it caused if a promise cannot be fulfilled with it: a thenable, or a revoked Proxy. */
function fulfillable(error: unknown): unknown {
  try {
    if (!isThenable(error)) return error;
  } catch {
    // Its `then` throws.
  }
  return new SkeinError(`The connection was lost because of ${summaryOf(error)}.`, { cause: error });
}
