/** One end of a simulated connection: its state in the kernel and in the engine. */
import { lengthOf } from "../../internet/bytes.ts";
import type { FilteredConnection } from "../../internet/engine/filtering.ts";
import type { FilterStage } from "../../internet/engine/filterstage.ts";
import { Phase } from "../../internet/engine/phase.ts";
import { errnoNamed } from "../../internet/errno.ts";
import { CloseReason, Completion, type NativeAddress } from "../../native.ts";
import type { EndEngine } from "./endengine.ts";
import { EndOutbox } from "./outbox.ts";
import type { Pipe, PipeEnd } from "./pipe.ts";
import { type Segment, SegmentKind, SegmentList } from "./segment.ts";
import { Kind } from "./trace.ts";

const ECONNREFUSED = errnoNamed("ECONNREFUSED")!;
const ECONNRESET = errnoNamed("ECONNRESET")!;
const ETIMEDOUT = errnoNamed("ETIMEDOUT")!;

/** An item of the network's list of connections. `index` is -1 when it is not in the list. */
export interface Listed {
  index: number;
}

export class End implements FilteredConnection, PipeEnd {
  readonly engine: EndEngine<End>;
  /** Twice the number of the connection, plus 1 for the accepted end. */
  readonly subject: number;
  readonly localHost: string;
  readonly localPort: number;
  readonly peerHost: string;
  readonly peerPort: number;
  handle = -1;
  phase: number;
  reading = false;
  notifyDrain = false;
  noDelay = 1;
  keepAlive = 0;
  /** The peer's FIN was reported to the program. */
  eof = false;
  dirty = false;
  ready = false;
  sweeps = 0;
  /** The connection, once both ends exist. */
  connection: Listed | undefined = undefined;
  /** The outgoing pipe. */
  out: Pipe | undefined = undefined;
  peer: PipeEnd | undefined = undefined;
  private shutAsked = false;
  private shut = false;
  /** The peer's FIN, or a reset, has arrived. */
  private finished = false;
  private wasReset = false;
  stage: FilterStage | undefined = undefined;
  readonly outbox: EndOutbox;
  /** Received, not read yet. */
  readonly inbox = new SegmentList();

  constructor(
    engine: EndEngine<End>,
    phase: number,
    subject: number,
    local: readonly [string, number],
    peer: readonly [string, number],
  ) {
    this.engine = engine;
    this.outbox = new EndOutbox(engine.network, this);
    this.phase = phase;
    this.subject = subject;
    this.localHost = local[0];
    this.localPort = local[1];
    this.peerHost = peer[0];
    this.peerPort = peer[1];
  }

  // --- for the engine ------------------------------------------------------------------------------------------------

  write(bytes: Uint8Array): number {
    if (this.shut || this.stage?.closing || !this.live) return -1;
    if (lengthOf(bytes) > 0) {
      this.outbox.write(bytes);
      this.engine.flushLater(this);
    }
    return this.outbox.bytes;
  }

  close(): void {
    if (this.phase === Phase.CONNECTING) this.abort();
    if (this.phase !== Phase.OPEN) return;
    this.phase = Phase.FLUSHING;
    this.reading = false;
    this.engine.flushLater(this);
  }

  abort(): void {
    if (this.phase >= Phase.LINGERING) return;
    if (this.phase !== Phase.CONNECTING) this.out!.sendSignal(SegmentKind.RST);
    else this.out!.drop();
    this.report(0, CloseReason.ABORTED);
    this.release();
  }

  shutdownWrite(): void {
    if (this.phase !== Phase.OPEN || this.shutAsked) return;
    this.shutAsked = true;
    this.engine.flushLater(this);
  }

  pauseReading(): void {
    if (this.phase === Phase.OPEN) this.reading = false;
  }

  resumeReading(): void {
    if (this.phase !== Phase.OPEN || this.reading) return;
    this.reading = true;
    if (this.stage !== undefined && this.engine.resumeWire(this, this.stage)) return;
    if (this.readable) this.engine.readLater(this);
  }

  probe(): void {
    if (this.phase === Phase.OPEN && this.wasReset) this.fail(ECONNRESET);
  }

  optionsChanged(): void {}

  get localAddress(): NativeAddress {
    return [4, this.localHost, this.localPort, 0];
  }

  get peerAddress(): NativeAddress {
    return [4, this.peerHost, this.peerPort, 0];
  }

  // --- for the engine's turn -----------------------------------------------------------------------------------------

  get unread(): number {
    return this.inbox.bytes;
  }

  get readable(): boolean {
    return this.inbox.head !== undefined || (this.finished && !this.eof) || this.wasReset;
  }

  take(length: number, memory: Uint8Array, at: number): void {
    this.inbox.moveTo(memory, at, length);
    this.peer!.out!.consumed(length);
    this.engine.network.recordBytes(Kind.DATA, this.subject, memory, at, length);
  }

  flush(): void {
    if (!this.sends) return;
    const { outbox, stage } = this;
    if (this.wasReset && outbox.bytes > 0) {
      this.fail(ECONNRESET);
      return;
    }
    if (stage === undefined ? outbox.sendWritten(this.out!) : this.engine.sendFiltered(this, stage)) this.emptied();
  }

  readEnd(): void {
    if (this.wasReset) this.fail(ECONNRESET);
    else if (!this.finished || this.eof) return;
    else if (this.stage === undefined) this.tellEnd();
    else this.engine.endWire(this, this.stage);
  }

  /** Close it with an error. */
  fail(errno: number): void {
    if (this.phase === Phase.CLOSED) return;
    if (this.phase === Phase.CONNECTING) {
      this.engine.record(Kind.CONNECTED, this.subject, errno, 0);
      this.engine.push(Completion.CONNECTED, this.handle, errno, 0);
    } else if (this.phase !== Phase.LINGERING) {
      this.report(errno, CloseReason.ERROR);
    }
    this.out!.drop();
    this.free();
  }

  // --- for its filter ------------------------------------------------------------------------------------------------

  get ending(): boolean {
    return this.phase === Phase.FLUSHING || this.shutAsked;
  }

  addFilter(stage: FilterStage): void {
    this.stage = stage;
    this.outbox.addFilter();
  }

  takeWire(length: number): Uint8Array {
    const wire = new Uint8Array(length);
    this.inbox.moveTo(wire, 0, length);
    this.peer!.out!.consumed(length);
    return wire;
  }

  tellEnd(): void {
    this.eof = true;
    if (this.phase !== Phase.OPEN) return;
    this.engine.record(Kind.EOF, this.subject, 0, 0);
    this.engine.push(Completion.READ_EOF, this.handle, 0, 0);
  }

  sendWire(): boolean {
    if (this.outbox.sealedBytes === 0) return true;
    if (!this.wasReset) return this.outbox.sendSealed(this.out!);
    this.fail(ECONNRESET);
    return false;
  }

  closeFor(errno: number): void {
    if (this.phase !== Phase.LINGERING) this.report(errno, CloseReason.ERROR);
    this.abandon();
  }

  lingerFor(errno: number): void {
    this.report(errno, CloseReason.ERROR);
    this.outbox.clearWritten();
    this.linger();
  }

  endLingeringSide(): void {
    if (this.shut) return;
    this.sendFin();
    if (this.finished || this.wasReset) this.release();
  }

  // --- how it ends ---------------------------------------------------------------------------------------------------

  /** The process has ended: the kernel closes the connection, or resets it when there is unread or unsent data. */
  abandon(): void {
    if (this.phase === Phase.CONNECTING) this.out!.drop();
    else if (this.handle < 0 || this.inbox.bytes > 0) this.out!.sendSignal(SegmentKind.RST);
    else this.sendFin();
    if (this.phase !== Phase.CLOSED) this.release();
  }

  /** Drop the connection without a FIN or RST, so that the peer is half-open. */
  dropSilently(): void {
    this.out?.drop();
    if (this.phase !== Phase.CLOSED) this.free();
  }

  release(): void {
    // A filter's last words were not sent yet.
    if (this.phase === Phase.LINGERING) this.sendFin();
    this.free();
  }

  private free(): void {
    this.phase = Phase.CLOSED;
    this.reading = false;
    this.inbox.clear();
    this.outbox.clear();
    this.engine.released(this);
  }

  // --- for the pipes -------------------------------------------------------------------------------------------------

  arrive(segment: Segment, from: Pipe): void {
    if (this.phase === Phase.CLOSED) {
      // This end is closed: answer with a reset.
      this.out!.sendSignal(SegmentKind.RST);
    } else if (this.phase === Phase.LINGERING) {
      from.consumed(segment.length);
    } else {
      this.inbox.push(segment);
      if (this.wantsToRead) this.engine.readLater(this);
    }
  }

  ended(): void {
    this.finished = true;
    if (this.phase === Phase.LINGERING && this.shut) this.release();
    else if (this.wantsToRead) this.engine.readLater(this);
  }

  reset(): void {
    switch (this.phase) {
      case Phase.CONNECTING:
        this.fail(ECONNREFUSED);
        break;
      case Phase.CLOSED:
        break;
      case Phase.OPEN:
        this.wasReset = true;
        if (this.outbox.bytes > 0) this.fail(ECONNRESET);
        else if (this.wantsToRead) this.engine.readLater(this);
        break;
      default:
        this.fail(ECONNRESET);
    }
  }

  /** The SYN was answered. */
  answered(peer: PipeEnd): void {
    this.peer = peer;
    this.out!.receiver = peer;
    if (this.phase !== Phase.CONNECTING) {
      this.out!.sendSignal(SegmentKind.RST);
      return;
    }
    this.phase = Phase.OPEN;
    this.reading = true;
    this.engine.record(Kind.CONNECTED, this.subject, 0, 0);
    this.engine.push(Completion.CONNECTED, this.handle, 0, 0);
    // A filter may speak first.
    if (this.stage !== undefined) this.engine.flushLater(this);
  }

  /** There is room to send. */
  writable(): void {
    if (this.sends) this.engine.flushLater(this);
  }

  /** The acknowledgement timeout has expired. */
  timedOut(): void {
    this.fail(ETIMEDOUT);
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  private get live(): boolean {
    return this.phase === Phase.OPEN || this.phase === Phase.FLUSHING;
  }

  /** A filter's last words are sent while it lingers. */
  private get sends(): boolean {
    return this.live || (this.phase === Phase.LINGERING && !this.shut);
  }

  /** With a filter, the engine's turn knows: it may take wire bytes that the program does not. */
  private get wantsToRead(): boolean {
    return this.reading || this.stage !== undefined;
  }

  private emptied(): void {
    if (this.phase === Phase.LINGERING) {
      this.endLingeringSide();
      return;
    }
    const ends = this.phase === Phase.FLUSHING || (this.shutAsked && !this.shut);
    if (this.stage !== undefined && ends && !this.engine.closeFilter(this, this.stage)) return;
    if (this.phase === Phase.FLUSHING) {
      this.finishClose();
      return;
    }
    if (this.shutAsked && !this.shut && this.wasReset) {
      this.fail(ECONNRESET);
      return;
    }
    if (this.notifyDrain) this.engine.push(Completion.WRITE_DRAINED, this.handle, 0, 0);
    if (this.shutAsked && !this.shut) {
      this.sendFin();
      this.engine.record(Kind.SHUT, this.subject, 0, 0);
      this.engine.push(Completion.WRITE_SHUT, this.handle, 0, 0);
    }
  }

  private finishClose(): void {
    if (this.wasReset && !this.shut && !this.eof) {
      this.fail(ECONNRESET);
      return;
    }
    this.report(0, CloseReason.FLUSHED);
    this.sendFin();
    if (this.finished || this.wasReset) {
      this.release();
      return;
    }
    this.linger();
  }

  private linger(): void {
    this.phase = Phase.LINGERING;
    this.reading = false;
    if (this.inbox.bytes > 0) this.peer!.out!.consumed(this.inbox.bytes);
    this.inbox.clear();
    this.engine.lingers(this);
  }

  private sendFin(): void {
    if (this.shut) return;
    this.shut = true;
    this.out!.sendSignal(SegmentKind.FIN);
  }

  private report(errno: number, how: number): void {
    this.engine.record(Kind.CLOSED, this.subject, errno, how);
    if (this.handle >= 0) this.engine.push(Completion.CLOSED, this.handle, errno, how);
  }
}
