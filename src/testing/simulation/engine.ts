/**
 * The engine of one program of a simulated host: what native/engine/engine.h is, in TypeScript and over a {@link Network}. It fills
 * the completions, the arena and the slabs of an EngineLink as the native one does.
 *
 * A host has its turn when something has arrived, was written, or has ended: it accepts, reads what is ready, tells the
 * program, and sends what that wrote.
 */
import { HandleTable } from "../../internet/engine/handles.ts";
import { PACKED_ADDRESS_BYTES, packAddress } from "../../internet/engine/packedaddress.ts";
import { Records } from "../../internet/engine/records.ts";
import type { EngineMaker } from "../../internet/enginelink.ts";
import { errnoNamed } from "../../internet/errno.ts";
import { Completion, type EngineStats, type NativeAddress, type NativeEngine, SocketOption } from "../../native.ts";
import { type End, Phase } from "./end.ts";
import type { SimulatedHost } from "./host.ts";
import { Listener } from "./listener.ts";
import type { Network } from "./network.ts";
import { Occurrence } from "./queue.ts";
import { copy } from "./segment.ts";
import { Kind } from "./trace.ts";

const EADDRINUSE = errnoNamed("EADDRINUSE")!;
const EADDRNOTAVAIL = errnoNamed("EADDRNOTAVAIL")!;
const EBADF = errnoNamed("EBADF")!;
const EINVAL = errnoNamed("EINVAL")!;
const ENOTSUP = errnoNamed("ENOTSUP")!;
const READ_BYTES_MAX = 16 * 1024;
const ROUNDS_PER_TURN = 8;
const SWEEPS_TO_LINGER = 2;
const LOOPBACK = "127.0.0.1";

/** What an EngineLink needs for this engine: a host costs some 100 KiB. */
export const SIMULATED_SIZES = { records: 256, arenaBytes: 32 * 1024, slabBytes: 32 * 1024, spareSlabs: 2 } as const;

type Setup = Parameters<EngineMaker>[0];

export class SimulatedEngine extends Occurrence implements NativeEngine {
  readonly network: Network;
  readonly host: SimulatedHost;
  private readonly records: Records;
  private started = false;
  private dead = false;

  private readonly table = new HandleTable<End | Listener>();
  private readonly listeners = new Set<Listener>();
  private readonly lingering = new Set<End>();
  private connections = 0;
  private turns = 0;

  private inTurn = false;
  private accepting: Listener[] = [];
  private readable: End[] = [];
  private dirty: End[] = [];
  readonly poll = (): number => -ENOTSUP; // descriptors are the real kernel's
  readonly setInterest = (): number => -ENOTSUP;

  constructor(network: Network, host: SimulatedHost, setup: Setup) {
    super();
    this.network = network;
    this.host = host;
    this.records = new Records(setup);
  }

  // --- NativeEngine --------------------------------------------------------------------------------------------------

  write(handle: number, bytes: Uint8Array): number {
    if (!(bytes instanceof Uint8Array))
      throw new TypeError("write() takes a string or a Uint8Array (a Buffer is one).");
    const end = this.end(handle);
    return end === undefined ? -1 : end.write(bytes);
  }

  flush(): void {
    this.flushDirty();
  }

  close(handle: number): void {
    const found = this.table.find(handle);
    if (found instanceof Listener) this.closeListener(found);
    else found?.close();
  }

  abort(handle: number): void {
    const found = this.table.find(handle);
    if (found instanceof Listener) this.closeListener(found);
    else found?.abort();
  }

  shutdownWrite(handle: number): void {
    this.end(handle)?.shutdownWrite();
  }

  pauseReading(handle: number): void {
    this.end(handle)?.pauseReading();
  }

  resumeReading(handle: number): void {
    this.end(handle)?.resumeReading();
  }

  setBorrows(handle: number, on: boolean): void {
    const found = this.table.find(handle);
    if (found !== undefined) found.borrows = on;
  }

  notifyDrain(handle: number, on: boolean): void {
    const end = this.end(handle);
    if (end !== undefined) end.notifyDrain = on;
  }

  listen(host: string, port: number, backlog: number, reusePort: boolean): number {
    if (!/^$|^::$|^\d+\.\d+\.\d+\.\d+$/.test(host)) return -EINVAL;
    const any = host === "" || host === "::" || host === "0.0.0.0";
    if (!any && !this.host.owns(host)) return -EADDRNOTAVAIL;
    const { ports } = this.host;
    const chosen = port === 0 ? ports.free() : port;
    const listener = new Listener(this, any ? "" : host, chosen, backlog, reusePort);
    if (!ports.open(listener)) return -EADDRINUSE;
    this.table.add(listener);
    this.listeners.add(listener);
    this.connections++;
    return listener.handle;
  }

  /** There are always descriptors here: no listener is ever paused. */
  resumeAccept(): void {}

  connect(host: string, port: number, bindHost: string, bindPort: number): number {
    if (bindHost !== "" && !this.host.owns(bindHost)) return -EADDRNOTAVAIL;
    const localHost = bindHost || (leavesHost(host) ? this.host.address : LOOPBACK);
    const local = [localHost, bindPort === 0 ? this.host.ports.free() : bindPort] as const;
    const end = this.network.connect(this, local, host, port);
    this.table.add(end);
    this.connections++;
    return end.handle;
  }

  localAddress(handle: number): NativeAddress | number {
    const found = this.table.find(handle);
    if (found === undefined) return -EBADF;
    return found instanceof Listener
      ? [4, found.host === "" ? "0.0.0.0" : found.host, found.port, 0]
      : [4, found.localHost, found.localPort, 0];
  }

  peerAddress(handle: number): NativeAddress | number {
    const end = this.end(handle);
    return end === undefined ? -EBADF : [4, end.peerHost, end.peerPort, 0];
  }

  getOption(handle: number, option: number): number {
    const end = this.end(handle);
    if (end === undefined) return -EBADF;
    return option === SocketOption.NODELAY ? end.noDelay : end.keepAlive;
  }

  setOption(handle: number, option: number, value: number): number {
    const end = this.end(handle);
    if (end === undefined) return -EBADF;
    if (option === SocketOption.NODELAY) end.noDelay = value;
    else end.keepAlive = value;
    return 0;
  }

  supplySlab(slab: Uint8Array): void {
    this.records.supplySlab(slab);
  }

  sweepLingering(): number {
    for (const end of [...this.lingering]) if (++end.sweeps >= SWEEPS_TO_LINGER) end.release();
    return this.lingering.size;
  }

  start(): void {
    this.started = true;
    this.wake();
  }

  stop(): void {
    this.started = false;
  }

  /** The program is no more, and its host's kernel closes what it had; or the host is not either, and nobody is told. */
  destroy(): void {
    if (this.dead) return;
    this.dead = true;
    this.started = false;
    const end = (gone: End) => (this.host.up ? gone.abandon() : gone.vanish());
    for (const found of this.table) if (!(found instanceof Listener)) end(found);
    for (const listener of this.listeners) {
      this.host.ports.close(listener);
      for (const waiting of listener.waiting) end(waiting);
    }
    for (const lingering of [...this.lingering]) end(lingering);
    this.listeners.clear();
    this.network.queue.cancel(this);
  }

  stats(): EngineStats {
    const { turns, connections, records, lingering } = this;
    return {
      turns,
      crossings: records.dispatches,
      stale: 0,
      blocksAllocated: 0,
      connections,
      lingering: lingering.size,
    };
  }

  // --- for the network -----------------------------------------------------------------------------------------------

  /** A connection waits to be accepted. */
  acceptLater(listener: Listener): void {
    if (listener.waiting.length === 1) this.accepting.push(listener);
    this.wake();
  }

  // --- for the ends --------------------------------------------------------------------------------------------------

  /** Have a turn now, after what happens at the moment. */
  wake(): void {
    if (!this.inTurn && !this.planned && !this.dead) this.network.queue.plan(this, this.network.queue.now);
  }

  readLater(end: End): void {
    if (end.ready || end.handle < 0) return;
    end.ready = true;
    this.readable.push(end);
    this.wake();
  }

  flushLater(end: End): void {
    if (end.dirty) return;
    end.dirty = true;
    this.dirty.push(end);
    this.wake();
  }

  lingers(end: End): void {
    this.lingering.add(end);
  }

  released(end: End): void {
    this.lingering.delete(end);
    this.network.delist(end);
    if (end.handle < 0) return;
    this.connections--;
    this.table.release(end.handle);
  }

  record(kind: number, subject: number, a: number, b: number): void {
    this.network.record(kind, subject, a, b);
  }

  /** Tell the program, with the next dispatch. */
  push(kind: number, handle: number, a: number, b: number): void {
    this.wake();
    this.records.push(kind, handle, a, b);
  }

  // --- the turn ------------------------------------------------------------------------------------------------------

  override happen(): void {
    if (!this.started) return;
    const { queue } = this.network;
    if (this.host.frozenUntil > queue.now) {
      queue.plan(this, this.host.frozenUntil);
      return;
    }
    this.turns++;
    this.inTurn = true;
    this.acceptAll();
    this.readAll();
    for (let round = 0; round < ROUNDS_PER_TURN && this.started; round++) {
      this.flushDirty();
      if (this.records.empty) break;
      this.records.dispatch();
    }
    this.flushDirty();
    this.inTurn = false;
    if (this.records.empty) this.table.reclaim();
    if (!this.records.empty || this.readable.length > 0 || this.accepting.length > 0) this.wake();
  }

  private acceptAll(): void {
    const { accepting } = this;
    this.accepting = [];
    for (const listener of accepting) {
      while (listener.waiting.length > 0) this.accept(listener, listener.waiting.shift()!);
    }
  }

  private accept(listener: Listener, end: End): void {
    const { records } = this;
    while (!records.fits(true, PACKED_ADDRESS_BYTES)) {
      records.dispatch();
      if (listener.closed) {
        end.abort();
        return;
      }
    }
    this.table.add(end);
    end.borrows = listener.borrows;
    end.reading = true;
    this.connections++;
    const at = records.takeArena(PACKED_ADDRESS_BYTES);
    packAddress([4, end.peerHost, end.peerPort, 0], records.arena, at);
    this.push(Completion.ACCEPTED, listener.handle, end.handle, at);
    if (end.readable) this.readLater(end);
  }

  private readAll(): void {
    const { readable } = this;
    if (readable.length === 0) return;
    this.readable = [];
    for (const end of readable) {
      end.ready = false;
      this.read(end);
    }
  }

  private read(end: End): void {
    if (!end.reading) return;
    if (end.inbox.head === undefined) {
      end.readEnd();
      return;
    }
    const { records } = this;
    const length = Math.min(end.inbox.bytes, READ_BYTES_MAX);
    while (!records.fits(end.borrows, length)) {
      records.dispatch();
      if (!end.reading) return;
    }
    if (end.borrows) {
      const at = records.takeArena(length);
      this.gather(end, length, records.arena, at);
      this.push(Completion.DATA_BORROWED, end.handle, at, length);
    } else {
      const at = records.takeSlab(length);
      this.gather(end, length, records.slab, at);
      this.push(Completion.DATA_OWNED, end.handle, at, length);
    }
    end.peer!.out!.consumed(length);
    if (end.readable) this.readLater(end);
  }

  private gather(end: End, length: number, memory: Uint8Array, at: number): void {
    for (let done = 0; done < length; ) {
      const segment = end.inbox.take(length - done);
      copy(segment.memory, segment.start, segment.length, memory, at + done);
      done += segment.length;
    }
    this.network.recordBytes(Kind.DATA, end.subject, memory, at, length);
  }

  private flushDirty(): void {
    const { dirty } = this;
    if (dirty.length === 0) return;
    this.dirty = [];
    for (const end of dirty) {
      end.dirty = false;
      end.flush();
    }
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  /** The connection that the program may still use by this name. */
  private end(handle: number): End | undefined {
    const found = this.table.find(handle);
    return found === undefined || found instanceof Listener || found.phase >= Phase.LINGERING ? undefined : found;
  }

  private closeListener(listener: Listener): void {
    if (listener.closed) return;
    listener.closed = true;
    this.listeners.delete(listener);
    this.host.ports.close(listener);
    for (const end of listener.waiting.splice(0)) end.abort();
    this.connections--;
    this.push(Completion.CLOSED, listener.handle, 0, 0);
    this.table.release(listener.handle);
  }
}

/** False for a connect to the host's own loopback, which the kernel makes from there. */
function leavesHost(address: string): boolean {
  return !address.startsWith("127.") && address !== "0.0.0.0";
}
