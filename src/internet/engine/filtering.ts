/**
 * The base of engines in TypeScript whose connections can have a filter (TLS is one): the counterpart of
 * native/engine/filtering.cc, whose header says what must be so. Wire bytes are what the network carries, plain ones what
 * the program reads and writes.
 */
import { Completion, type NativeTlsFilter } from "../../native.ts";
import { lengthOf } from "../bytes.ts";
import { EngineBase, type EngineConnection, type EngineListener } from "./base.ts";
import { FilterStage } from "./filterstage.ts";
import { Phase } from "./phase.ts";

/** Wire bytes of one receive, and of one call of Filter.send(). */
const RECEIVE_BYTES = 32 * 1024;
const SEND_BYTES = 72 * 1024;
/** Plain bytes that one call of Filter.send() is offered. */
const SEAL_BYTES_MAX = 64 * 1024;
/** The least of the arena that bytes are opened into. */
const OPEN_BYTES_MIN = 1024;

/** What a connection has written, and what its filter has sealed of it. */
export interface FilteredOutbox {
  /** Sealed bytes that were not sent. */
  readonly sealedBytes: number;
  /** Copy the first bytes that were written and are not sealed to `memory`; returns how many. */
  peek(memory: Uint8Array): number;
  /** Those were sealed. */
  drop(bytes: number): void;
  /** Append sealed bytes. They are copied. */
  appendSealed(bytes: Uint8Array): void;
}

/** A connection that can have a filter. */
export interface FilteredConnection extends EngineConnection {
  /** Set by {@link addFilter}. */
  readonly stage: FilterStage | undefined;
  /** Nothing that comes is told any more. */
  readonly eof: boolean;
  /** close() or shutdownWrite() was called. */
  readonly ending: boolean;
  /** Have a filter. What was written before is sent as it is. */
  addFilter(stage: FilterStage): void;
  /** Take wire bytes: the next `length` of those that are unread. */
  takeWire(length: number): Uint8Array;
  /** The peer sends nothing more: tell the program, if it has not closed. */
  tellEnd(): void;
  readonly outbox: FilteredOutbox;
  /** Send sealed bytes; false when some are left. */
  sendWire(): boolean;
  /** The stream was cut: tell the program, and close. */
  closeFor(errno: number): void;
  /** Tell the program that it is lost, and linger until the filter's last words were sent and the peer has closed. */
  lingerFor(errno: number): void;
  /** The last words were sent: end this side. */
  endLingeringSide(): void;
}

export interface FilteringListener<C extends FilteredConnection> extends EngineListener<C> {
  /** Makes the filters of what is accepted. */
  makeFilter: (() => NativeTlsFilter) | undefined;
}

export abstract class FilteringEngine<C extends FilteredConnection, L extends FilteringListener<C>> extends EngineBase<
  C,
  L
> {
  private wire: Uint8Array | undefined;
  private plain: Uint8Array | undefined;

  // --- for TLS -------------------------------------------------------------------------------------------------------

  filter(handle: number): NativeTlsFilter | undefined {
    const found = this.table.find(handle);
    return found === undefined || this.isListener(found) ? undefined : found.stage?.filter;
  }

  /** False when the handle is void, or it is too late. */
  setFilter(handle: number, make: () => NativeTlsFilter): boolean {
    const connection = this.live(handle);
    if (connection === undefined || connection.stage !== undefined || connection.ending) return false;
    connection.addFilter(new FilterStage(make()));
    // Bytes of which the program is still to be told came before it.
    this.push(Completion.FILTER, handle, 0, 0);
    if (connection.phase === Phase.OPEN) this.flushLater(connection);
    return true;
  }

  /** False when the handle is void. */
  setFilterMaker(listener: number, make: () => NativeTlsFilter): boolean {
    const found = this.table.find(listener);
    if (found === undefined || !this.isListener(found)) return false;
    found.makeFilter = make;
    return true;
  }

  /** Wire bytes that were told as plain ones, and belong to the filter that was set since. */
  unread(handle: number, wire: Uint8Array): void {
    const connection = this.live(handle);
    if (connection?.stage === undefined || lengthOf(wire) === 0) return;
    connection.stage.stash(wire);
    this.list(connection, connection.stage);
  }

  /** What the filter asked was answered. */
  resumeFilter(handle: number): void {
    const connection = this.live(handle);
    if (connection?.stage !== undefined) this.list(connection, connection.stage);
  }

  // --- for the subclass ----------------------------------------------------------------------------------------------

  /** Plain bytes are told to the program. */
  protected abstract opened(connection: C, memory: Uint8Array, at: number, length: number): void;
  /** Plain bytes of the program were sealed. */
  protected abstract sealed(connection: C, length: number): void;
  /** The program is told what the filter has to tell. */
  protected abstract told(connection: C, events: number): void;

  // --- receiving -----------------------------------------------------------------------------------------------------

  protected override prepareAccepted(listener: L, connection: C): void {
    if (listener.makeFilter === undefined) return;
    connection.addFilter(new FilterStage(listener.makeFilter()));
    // The filter may speak first.
    this.flushLater(connection);
  }

  protected override read(connection: C): void {
    const { stage } = connection;
    if (stage === undefined) {
      super.read(connection);
      return;
    }
    if (stage.listed && !this.unstash(connection, stage)) return;
    if (!isLive(connection)) return;
    if (connection.eof) {
      // Only a reset behind the end is of interest.
      if (connection.reading) connection.readEnd();
      return;
    }
    if (!stage.receives(connection.reading, connection.outbox.sealedBytes)) return;
    if (connection.unread === 0) {
      connection.readEnd();
      return;
    }
    this.open(connection, stage, connection.takeWire(Math.min(connection.unread, RECEIVE_BYTES)));
    if (connection.readable) this.readLater(connection);
  }

  /** The peer's FIN has come, and everything before it was opened. */
  endWire(connection: C, stage: FilterStage): void {
    stage.wireEnded = true;
    if (connection.eof || (stage.unread && !stage.filter.waits())) return;
    // Whoever has closed wants to know of the end only when it comes before what was written could be sealed.
    const matters = connection.phase === Phase.OPEN || !stage.filter.established();
    const errno = matters ? stage.filter.truncated() : 0;
    if (errno !== 0) connection.closeFor(errno);
    else connection.tellEnd();
  }

  /** The program reads again: true when something has come for it already, which is opened in the next turn. */
  resumeWire(connection: C, stage: FilterStage): boolean {
    if (!stage.unread && !stage.wireEnded) return false;
    this.list(connection, stage);
    return true;
  }

  private list(connection: C, stage: FilterStage): void {
    stage.listed = true;
    this.readLater(connection);
  }

  /** Open what is stashed. True when more may be received. */
  private unstash(connection: C, stage: FilterStage): boolean {
    stage.listed = false;
    if (!isLive(connection) || !stage.opens(connection.reading)) return false;
    this.open(connection, stage, stage.takeStash());
    if (!isLive(connection) || connection.eof || !stage.opens(connection.reading)) return false;
    if (stage.wireEnded) this.endWire(connection, stage);
    return !stage.wireEnded;
  }

  /** Give the filter wire bytes, and the program what comes of them. It may run in the middle. */
  private open(connection: C, stage: FilterStage, bytes: Uint8Array): void {
    const { records } = this;
    const { filter } = stage;
    let wire = bytes;
    while (isLive(connection) && !connection.eof) {
      if (filter.waits() || (connection.phase === Phase.OPEN && !stage.opens(connection.reading))) {
        stage.stash(wire);
        return;
      }
      // For what the filter tells, and for data.
      if (records.room < 2 || !records.fits(OPEN_BYTES_MIN)) {
        records.dispatch();
        this.flush();
        continue;
      }
      const at = records.arenaUsed;
      const rest = Math.min(records.arena.length - at, this.readBytesMax);
      const [taken, produced, ended, error, events] = filter.receive(wire, records.arena.subarray(at, at + rest));
      wire = wire.subarray(taken);
      this.tell(connection, events);
      // Plain bytes that come after close() are dropped.
      if (produced > 0 && connection.phase === Phase.OPEN) {
        records.takeArena(produced);
        this.opened(connection, records.arena, at, produced);
        this.push(Completion.DATA, connection.handle, at, produced);
      }
      // The filter may have something to send in reply.
      this.flushLater(connection);
      if (error !== 0) this.failFilter(connection, stage, error);
      else if (ended === 1) connection.tellEnd();
      else if (wire.length === 0 && !filter.waits() && filter.pending() === 0) return;
    }
  }

  private tell(connection: C, events: number): void {
    if (events === 0 || !isLive(connection)) return;
    this.told(connection, events);
    this.push(Completion.FILTER, connection.handle, events, 0);
  }

  // --- sending -------------------------------------------------------------------------------------------------------

  /** Send what is sealed, then seal the next and send that. False when something is left. */
  sendFiltered(connection: C, stage: FilterStage): boolean {
    this.wire ??= new Uint8Array(SEND_BYTES);
    this.plain ??= new Uint8Array(SEAL_BYTES_MAX);
    const { wire, plain } = this;
    let left: number;
    for (;;) {
      if (!connection.sendWire()) return false;
      const offered = connection.outbox.peek(plain);
      const [taken, produced, error, events] = stage.filter.send(plain.subarray(0, offered), wire);
      connection.outbox.drop(taken);
      left = offered - taken;
      if (taken > 0) this.sealed(connection, taken);
      this.tell(connection, events);
      if (produced > 0) connection.outbox.appendSealed(wire.subarray(0, produced));
      if (error !== 0 && isLive(connection)) {
        this.failFilter(connection, stage, error);
        return false;
      }
      if (produced === 0) break;
    }
    if (stage.throttled) {
      stage.throttled = false;
      this.readLater(connection);
    }
    return left === 0;
  }

  /** Everything was sent, and this side ends: the filter's closing record comes before our FIN. False while it is unsent. */
  closeFilter(connection: C, stage: FilterStage): boolean {
    // Whoever half-closes goes on to receive: that takes a filter that is there.
    if (connection.phase === Phase.OPEN && !stage.filter.established()) return false;
    if (!stage.closing) {
      stage.closing = true;
      stage.filter.close();
      this.sendFiltered(connection, stage);
    }
    return connection.phase !== Phase.CLOSED && connection.outbox.sealedBytes === 0;
  }

  /** The program is told at once; the peer hears of it by what the filter says last. */
  private failFilter(connection: C, stage: FilterStage, errno: number): void {
    stage.dropStash();
    connection.lingerFor(errno);
    this.sendFiltered(connection, stage);
    if (connection.phase === Phase.LINGERING && connection.outbox.sealedBytes === 0) connection.endLingeringSide();
  }
}

function isLive({ phase }: EngineConnection): boolean {
  return phase === Phase.OPEN || phase === Phase.FLUSHING;
}
