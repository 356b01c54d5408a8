/**
 * The base of the engines written in TypeScript: the counterpart of native/engine/engine.h without the I/O. It fills
 * the completions and the arena of an EngineLink as the native engine does.
 *
 *     turn():  accept ─▶ read into the arena ─▶ records ─┐ no records or arena left: dispatch early
 *                ┌────────────── flush outboxes ◀────────────┘
 *                └─▶ dispatch to the program ─┘  (a few rounds)
 *
 * Subclasses schedule the turns, and provide connections and listeners that report their events.
 */

import { isUint8Array } from "node:util/types";
import {
  Completion,
  type ConnectRequest,
  type EngineStats,
  type ListenRequest,
  type NativeAddress,
  type NativeEngine,
  SocketOption,
} from "../../native.ts";
import { unwritable } from "../arguments/writing.ts";
import { errnoNamed } from "../errno.ts";
import { PACKED_ADDRESS_MOST, packAddress } from "./addresses.ts";
import { HandleTable } from "./handles.ts";
import { Lingering } from "./lingering.ts";
import type { EngineMaker } from "./link.ts";
import { Phase } from "./phase.ts";
import { Records } from "./records.ts";

const EBADF = errnoNamed("EBADF")!;
const ENOTSUP = errnoNamed("ENOTSUP")!;
const ROUNDS_PER_TURN = 8;

/** Where a connection keeps each option. */
const OPTION_FIELDS: Readonly<Record<number, "noDelay" | "keepAlive">> = {
  [SocketOption.NODELAY]: "noDelay",
  [SocketOption.KEEPALIVE]: "keepAlive",
} satisfies Record<(typeof SocketOption)[keyof typeof SocketOption], "noDelay" | "keepAlive">;

/** The buffers and the callback that an engine reports with. */
export type Setup = Parameters<EngineMaker>[0];

/** A connection as its engine sees it. */
export interface EngineConnection {
  /** -1 until it has a handle: it has not been accepted yet. */
  handle: number;
  readonly phase: number;
  /** The program wants bytes. */
  reading: boolean;
  notifyDrain: boolean;
  noDelay: number;
  keepAlive: number;
  /** Whether it is in the list for the next flush, and in that for the next read. */
  dirty: boolean;
  ready: boolean;
  /** The number of sweeps during which it has lingered. */
  sweeps: number;
  /** Received bytes that were not read yet. */
  readonly unread: number;
  /** There are bytes, an end or an error to report, if the program reads. */
  readonly readable: boolean;
  readonly localAddress: NativeAddress | undefined;
  readonly peerAddress: NativeAddress;
  /** Copy the next `length` bytes, at most {@link unread}, to `memory`. */
  take(length: number, memory: Uint8Array, at: number): void;
  /** All bytes were read: report the end or the error that followed them. */
  readEnd(): void;
  /** Send as much of the outbox as there is room for. */
  flush(): void;
  write(bytes: Uint8Array): number;
  close(): void;
  abort(): void;
  shutdownWrite(): void;
  pauseReading(): void;
  resumeReading(): void;
  /** Report a reset, though it is paused. */
  probe(): void;
  /** Apply an option to the socket, after its field was set. */
  optionsChanged(): void;
  /** Close it without reporting it. */
  release(): void;
}

/** A listening port as its engine sees it. */
export interface EngineListener<C extends EngineConnection> {
  handle: number;
  closed: boolean;
  readonly localAddress: NativeAddress | undefined;
  /** Connections that wait to be accepted. */
  readonly waiting: C[];
  /** Stop listening. The engine closes the connections in `waiting`. */
  unlisten(): void;
}

export abstract class EngineBase<C extends EngineConnection, L extends EngineListener<C>> implements NativeEngine {
  protected started = false;
  protected dead = false;
  protected connections = 0;
  protected readonly table = new HandleTable<C | L>();
  protected readonly lingering = new Lingering<C>();
  protected readonly records: Records;
  protected readonly readBytesMax: number;
  private turns = 0;
  private inTurn = false;
  private accepting: L[] = [];
  private readable: C[] = [];
  private dirty: C[] = [];

  /** `readBytesMax`: the most bytes per record. The arena is at least as large. */
  constructor(setup: Setup, readBytesMax: number) {
    this.records = new Records(setup);
    this.readBytesMax = readBytesMax;
  }

  // --- for the subclass ----------------------------------------------------------------------------------------------

  abstract listen(request: ListenRequest): number;
  abstract connect(request: ConnectRequest): number;
  abstract resumeAccept(handle: number): void;
  abstract destroy(): void;

  /** Schedule one call of turn() after the code that is running. */
  protected abstract plan(): void;
  protected abstract isListener(found: C | L): found is L;

  /** A connection has its handle; the program is told of it next. */
  protected prepareAccepted(_listener: L, _connection: C): void {}

  protected add(found: C | L): number {
    this.connections++;
    return this.table.add(found);
  }

  /** One turn: collect events and dispatch them. */
  protected turn(): void {
    if (!this.started) return;
    this.turns++;
    this.inTurn = true;
    try {
      this.acceptAll();
      this.readAll();
      for (let round = 0; round < ROUNDS_PER_TURN && this.started; round++) {
        this.flush();
        if (this.records.empty) break;
        this.records.dispatch();
      }
      this.flush();
    } finally {
      this.inTurn = false;
      if (this.records.empty) this.table.reclaim();
      if (!this.records.empty || this.readable.length > 0 || this.accepting.length > 0) this.wake();
    }
  }

  // --- NativeEngine --------------------------------------------------------------------------------------------------

  write(handle: number, bytes: Uint8Array): number {
    if (!isUint8Array(bytes)) throw unwritable(bytes);
    const connection = this.live(handle);
    return connection === undefined ? -1 : connection.write(bytes);
  }

  flush(): void {
    const { dirty } = this;
    if (dirty.length === 0) return;
    this.dirty = [];
    for (const connection of dirty) {
      connection.dirty = false;
      connection.flush();
    }
  }

  close(handle: number): void {
    const found = this.table.find(handle);
    if (found === undefined) return;
    if (this.isListener(found)) this.closeListener(found);
    else found.close();
  }

  abort(handle: number): void {
    const found = this.table.find(handle);
    if (found === undefined) return;
    if (this.isListener(found)) this.closeListener(found);
    else found.abort();
  }

  shutdownWrite(handle: number): void {
    this.live(handle)?.shutdownWrite();
  }

  pauseReading(handle: number): void {
    this.live(handle)?.pauseReading();
  }

  resumeReading(handle: number): void {
    this.live(handle)?.resumeReading();
  }

  probe(handle: number): void {
    this.live(handle)?.probe();
  }

  notifyDrain(handle: number, on: boolean): void {
    const connection = this.live(handle);
    if (connection !== undefined) connection.notifyDrain = on;
  }

  /** Only native engines can watch descriptors. */
  adopt(_fd: number, _shared: boolean): number {
    return -ENOTSUP;
  }

  poll(_fd: number, _interest: number): number {
    return -ENOTSUP;
  }

  setInterest(_handle: number, _interest: number): number {
    return -ENOTSUP;
  }

  localAddress(handle: number): NativeAddress | number {
    return this.table.find(handle)?.localAddress ?? -EBADF;
  }

  peerAddress(handle: number): NativeAddress | number {
    return this.live(handle)?.peerAddress ?? -EBADF;
  }

  getOption(handle: number, option: number): number {
    const connection = this.live(handle);
    if (connection === undefined) return -EBADF;
    const field = OPTION_FIELDS[option];
    return field === undefined ? -ENOTSUP : connection[field];
  }

  setOption(handle: number, option: number, value: number): number {
    const connection = this.live(handle);
    if (connection === undefined) return -EBADF;
    const field = OPTION_FIELDS[option];
    if (field === undefined) return -ENOTSUP;
    connection[field] = value;
    connection.optionsChanged();
    return 0;
  }

  sweepLingering(): number {
    return this.lingering.sweep();
  }

  start(): void {
    this.started = true;
    this.wake();
  }

  stop(): void {
    this.started = false;
  }

  stats(): EngineStats {
    const { turns, connections, records, lingering, blocksAllocated } = this;
    return {
      turns,
      crossings: records.dispatches,
      stale: 0,
      blocksAllocated,
      connections,
      lingering: lingering.size,
    };
  }

  // --- for connections and listeners ---------------------------------------------------------------------------------

  /** Schedule a turn, unless one is running. */
  wake(): void {
    if (!this.inTurn && !this.dead) this.plan();
  }

  acceptLater(listener: L): void {
    if (listener.waiting.length === 1) this.accepting.push(listener);
    this.wake();
  }

  readLater(connection: C): void {
    if (connection.ready || connection.handle < 0) return;
    connection.ready = true;
    this.readable.push(connection);
    this.wake();
  }

  flushLater(connection: C): void {
    if (connection.dirty) return;
    connection.dirty = true;
    this.dirty.push(connection);
    this.wake();
  }

  /** Append a record for the next dispatch. */
  push(kind: number, handle: number, a: number, b: number): void {
    this.wake();
    this.records.push(kind, handle, a, b);
  }

  lingers(connection: C): void {
    this.lingering.add(connection);
  }

  /** The connection is closed. Its handle becomes stale once all records that name it were read. */
  released(connection: C): void {
    this.lingering.delete(connection);
    if (connection.handle < 0) return;
    this.connections--;
    this.table.release(connection.handle);
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  /** The number of outbox blocks allocated since the start. */
  protected get blocksAllocated(): number {
    return 0;
  }

  /** The open connection with this handle. */
  protected live(handle: number): C | undefined {
    const found = this.table.find(handle);
    return found === undefined || this.isListener(found) || found.phase >= Phase.LINGERING ? undefined : found;
  }

  private acceptAll(): void {
    const { accepting } = this;
    this.accepting = [];
    for (const listener of accepting) {
      while (listener.waiting.length > 0) this.accept(listener, listener.waiting.shift()!);
    }
  }

  private accept(listener: L, connection: C): void {
    const { records } = this;
    while (!records.fits(PACKED_ADDRESS_MOST)) {
      records.dispatch();
      if (listener.closed) {
        connection.abort();
        return;
      }
    }
    this.add(connection);
    const at = records.arenaUsed;
    records.takeArena(packAddress(connection.peerAddress, records.arena, at));
    this.prepareAccepted(listener, connection);
    this.push(Completion.ACCEPTED, listener.handle, connection.handle, at);
    connection.resumeReading();
  }

  private readAll(): void {
    const { readable } = this;
    if (readable.length === 0) return;
    this.readable = [];
    for (const connection of readable) {
      connection.ready = false;
      this.read(connection);
    }
  }

  /** Read once, if the program wants bytes. */
  protected read(connection: C): void {
    if (!connection.reading) return;
    if (connection.unread === 0) {
      connection.readEnd();
      return;
    }
    const { records } = this;
    const length = Math.min(connection.unread, this.readBytesMax);
    while (!records.fits(length)) {
      records.dispatch();
      if (!connection.reading) return;
    }
    const at = records.takeArena(length);
    connection.take(length, records.arena, at);
    this.push(Completion.DATA, connection.handle, at, length);
    if (connection.readable) this.readLater(connection);
  }

  private closeListener(listener: L): void {
    if (listener.closed) return;
    listener.closed = true;
    listener.unlisten();
    for (const connection of listener.waiting.splice(0)) connection.abort();
    this.connections--;
    this.push(Completion.CLOSED, listener.handle, 0, 0);
    this.table.release(listener.handle);
  }
}
