/**
 * The TypeScript end of one engine, native or simulated: reads its completion records and hands each to the object it concerns.
 *
 * A record names a handle; the table here finds the connection by the handle's slot and drops the record when the
 * connection there is another one by now. Whatever a callback throws, the next record is read.
 */
import { err } from "../../logger/log.ts";
import {
  Completion,
  type ConnectRequest,
  type EngineSetup,
  type EngineStats,
  type ListenRequest,
  type NativeEngine,
} from "../../native.ts";
import { errnoNamed } from "../errno.ts";
import { Failure } from "../failure.ts";
import type { Loop } from "../reactor/loop.ts";
import type { TcpConnection } from "../stream/connection.ts";
import { PROBE_SECONDS } from "../stream/resets.ts";
import { type Arena, makeArena } from "./memory.ts";
import { BufferView } from "./view.ts";

const EBADF = errnoNamed("EBADF")!;
const SLOT_MASK = (1 << 20) - 1;
/** What closed while the peer still sends is held open for one to two sweeps. */
const SWEEP_SECONDS = 5;
/** The sweeps after which nothing lingers. */
const SWEEPS_TO_CLOSE = 2;

/** How much memory an engine reports in. */
export interface LinkSizes {
  readonly records: number;
  readonly arenaBytes: number;
}

const SIZES: LinkSizes = {
  records: 1024,
  /** Measured best between 96 and 128 KiB: it stays in the processor's cache. */
  arenaBytes: 128 * 1024,
};

/** Makes an engine that reports as it is told here. */
export type EngineMaker = (setup: Pick<EngineSetup, "completions" | "arena" | "dispatch">) => NativeEngine;

/** What a listening port needs to know. */
export interface ListenerEvents {
  accepted(handle: number, memory: Uint8Array, offset: number): void;
  starved(errno: number, firstOfEpisode: boolean): void;
  closed(): void;
}

/** What one attempt to connect needs to know. */
export interface AttemptEvents {
  connected(handle: number, errno: number): void;
}

/** What a watched descriptor needs to know. */
export interface PolledEvents {
  ready(what: number): void;
  closed(errno: number): void;
}

export class EngineLink {
  readonly native: NativeEngine;
  private destroyed = false;
  readonly loop: Loop;
  private readonly completions: Int32Array;
  /** Received bytes until dispatch() returns. No program can detach it. */
  private readonly arena: Uint8Array;
  private readonly memory: ArrayBufferLike;
  /** Where arena[0] stands in `memory`. */
  private readonly arenaStart: number;
  private readonly lends: boolean;
  private readonly table: (TcpConnection | undefined)[] = [];
  private readonly listeners = new Map<number, ListenerEvents>();
  private readonly attempts = new Map<number, AttemptEvents>();
  private readonly polled = new Map<number, PolledEvents>();
  private sweeper: object | undefined;
  private prober: object | undefined;
  /** Called after each connection or listener that closed, while somebody waits for all of them. */
  onClosed: (() => void) | undefined;
  /** Called when the kernel's interface keeps failing; `final` when the engine has given up. */
  onBackendFailed: ((errno: number, final: boolean) => void) | undefined;
  private stale = 0;
  /** Where in `completions` the next record of this batch begins. */
  private next = 0;
  /** Connections that are open now. */
  open = 0;

  /** Throws what `make` throws. */
  constructor(make: EngineMaker, loop: Loop, sizes: LinkSizes = SIZES, arena: Arena = makeArena(sizes.arenaBytes)) {
    this.loop = loop;
    this.completions = new Int32Array(sizes.records * 4);
    this.arena = arena.bytes;
    this.memory = arena.bytes.buffer;
    this.arenaStart = arena.bytes.byteOffset;
    this.lends = arena.lendable;
    this.native = make({
      completions: this.completions,
      arena: this.arena,
      dispatch: (words) => this.dispatch(words),
    });
  }

  addConnection(connection: TcpConnection): void {
    const slot = connection.handle & SLOT_MASK;
    // Slots of other kinds of handle lie between: without holes, the array stays one.
    while (this.table.length < slot) this.table.push(undefined);
    this.table[slot] = connection;
    this.open++;
  }

  addListener(handle: number, listener: ListenerEvents): void {
    this.listeners.set(handle, listener);
  }

  addAttempt(handle: number, attempt: AttemptEvents): void {
    this.attempts.set(handle, attempt);
  }

  /** The attempt's outcome is of no interest any more. */
  dropAttempt(handle: number): void {
    this.attempts.delete(handle);
    this.native.abort(handle);
  }

  addPolled(handle: number, events: PolledEvents): void {
    this.polled.set(handle, events);
  }

  /** The descriptor is to be watched no more. */
  dropPolled(handle: number): void {
    this.polled.delete(handle);
    this.native.abort(handle);
  }

  /** Every connection that is open now. */
  *connections(): IterableIterator<TcpConnection> {
    for (const connection of this.table) if (connection !== undefined) yield connection;
  }

  /** Connections whose loss was told and whose peers have not closed yet. */
  get lingering(): number {
    return this.native.stats().lingering;
  }

  /** Close what lingers now. A peer that has not read everything may lose the rest to a reset. */
  closeLingering(): void {
    for (let sweep = 0; sweep < SWEEPS_TO_CLOSE && this.native.sweepLingering() > 0; sweep++);
  }

  stats(): EngineStats {
    const counted = this.native.stats();
    return { ...counted, stale: counted.stale + this.stale };
  }

  /** Close every descriptor, without telling anybody, and free the native memory. Nothing may begin afterwards. */
  destroy(): void {
    this.destroyed = true;
    this.loop.cancelLater(this.sweeper);
    this.loop.cancelLater(this.prober);
    this.native.destroy();
  }

  /** A handle, or a negative errno: EBADF once the engine is destroyed, which would open what nobody closes. */
  listen(request: ListenRequest): number {
    return this.destroyed ? -EBADF : this.native.listen(request);
  }

  /** As {@link listen}. */
  connect(request: ConnectRequest): number {
    return this.destroyed ? -EBADF : this.native.connect(request);
  }

  /** As {@link listen}. */
  poll(fd: number, interest: number): number {
    return this.destroyed ? -EBADF : this.native.poll(fd, interest);
  }

  /**
   * Read `words` words of records. Never throws, and reads each record once, whatever callbacks throw: a CLOSED record
   * that is skipped leaves a stale handle, which may later name another connection.
   */
  private dispatch(words: number): void {
    this.next = 0;
    while (this.next < words) {
      try {
        this.read(words);
      } catch (error) {
        this.recover(error);
      }
    }
  }

  /** Read records from the next one on. What a record throws leaves `next` behind that record. */
  private read(words: number): void {
    const records = this.completions;
    for (let i = this.next; i < words; i += 4) {
      this.next = i + 4;
      const kind = records[i]!;
      const handle = records[i + 1]!;
      const a = records[i + 2]!;
      const b = records[i + 3]!;
      const connection = this.table[handle & SLOT_MASK];
      if (connection === undefined || connection.handle !== handle) {
        this.dispatchRare(kind, handle, a, b);
        continue;
      }
      switch (kind) {
        case Completion.DATA: {
          const at = this.arenaStart + a;
          if (this.lends && connection.borrows) connection.received(new BufferView(this.memory, at, b), true);
          else connection.received(new BufferView(new Uint8Array(this.memory, at, b)), false);
          break;
        }
        case Completion.READ_EOF:
          connection.readEnded();
          break;
        case Completion.WRITE_DRAINED:
          connection.drained();
          break;
        case Completion.WRITE_SHUT:
          connection.writeEnded();
          break;
        case Completion.FILTER:
          connection.filtered(a);
          break;
        case Completion.CLOSED:
          this.table[handle & SLOT_MASK] = undefined;
          this.open--;
          if (!connection.peerHasEnded) this.sweepLater();
          try {
            connection.closed(a, b);
          } finally {
            this.onClosed?.();
          }
          break;
      }
    }
  }

  /** Callbacks catch what they throw. For what has come through all the same, the connection of the record has to end. */
  private recover(error: unknown): void {
    const handle = this.completions[this.next - 3]!;
    const connection = this.table[handle & SLOT_MASK];
    try {
      err(error, "A completion record could not be handled");
      if (connection?.handle === handle) connection.end(new Failure(error));
    } catch {
      // There is no more to be done for this record; those behind it are other connections'.
    }
  }

  private dispatchRare(kind: number, handle: number, a: number, b: number): void {
    switch (kind) {
      case Completion.READY: {
        const polled = this.polled.get(handle);
        if (polled === undefined) this.stale++;
        else polled.ready(a);
        break;
      }
      case Completion.ACCEPTED: {
        const listener = this.listeners.get(handle);
        if (listener === undefined) this.native.abort(a);
        else listener.accepted(a, this.arena, b);
        break;
      }
      case Completion.CONNECTED: {
        const attempt = this.attempts.get(handle);
        this.attempts.delete(handle);
        if (attempt !== undefined) attempt.connected(handle, a);
        else if (a === 0) this.native.abort(handle);
        break;
      }
      case Completion.BACKEND_FAILED:
        this.onBackendFailed?.(a, b === 2);
        break;
      case Completion.LISTENER_ERROR:
        this.listeners.get(handle)?.starved(a, b === 1);
        break;
      case Completion.CLOSED: {
        const listener = this.listeners.get(handle);
        this.listeners.delete(handle);
        try {
          listener?.closed();
          this.polled.get(handle)?.closed(a);
        } finally {
          this.onClosed?.();
        }
        break;
      }
      case Completion.FILTER: // of an attempt
        break;
      default:
        this.stale++;
    }
  }

  private sweepLater(): void {
    if (this.sweeper !== undefined) return;
    this.sweeper = this.loop.later(SWEEP_SECONDS, this.sweep, false);
  }

  /** Probe the connections that are paused and notice resets, until there is none. */
  probeLater(): void {
    this.prober ??= this.loop.later(PROBE_SECONDS, this.probe, false);
  }

  private readonly probe = (): void => {
    this.prober = undefined;
    let again = false;
    for (const connection of this.connections()) if (connection.probe()) again = true;
    if (again) this.probeLater();
  };

  private readonly sweep = (): void => {
    this.sweeper = undefined;
    if (this.native.sweepLingering() > 0) this.sweepLater();
  };
}
