/** One end of a simulated connection: its state in the kernel and in the engine. */
import { lengthOf } from "../../internet/bytes.ts";
import type { EngineConnection } from "../../internet/engine/base.ts";
import { Phase } from "../../internet/engine/phase.ts";
import { errnoNamed } from "../../internet/errno.ts";
import { CloseReason, Completion, type NativeAddress } from "../../native.ts";
import type { Medium } from "./medium.ts";
import type { Pipe, PipeEnd } from "./pipe.ts";
import { Occurrence } from "./queue.ts";
import { copy, type Segment, SegmentKind, SegmentList } from "./segment.ts";
import { Kind } from "./trace.ts";

const ECONNREFUSED = errnoNamed("ECONNREFUSED")!;
const ECONNRESET = errnoNamed("ECONNRESET")!;
const ETIMEDOUT = errnoNamed("ETIMEDOUT")!;

/** Seconds until the rest of a partial send is retried. */
const RETRY_SECONDS = 0.001;

/** The part of its engine that an end uses. */
export interface EndEngine {
  readonly network: Medium;
  record(kind: number, subject: number, a: number, b: number): void;
  push(kind: number, handle: number, a: number, b: number): void;
  readLater(end: End): void;
  flushLater(end: End): void;
  lingers(end: End): void;
  released(end: End): void;
}

/** An item of the network's list of connections. `index` is -1 when it is not in the list. */
export interface Listed {
  index: number;
}

export class End implements EngineConnection, PipeEnd {
  readonly engine: EndEngine;
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
  private readonly outbox = new SegmentList();
  /** Received, not read yet. */
  readonly inbox = new SegmentList();
  private retry: Retry | undefined = undefined;

  constructor(
    engine: EndEngine,
    phase: number,
    subject: number,
    local: readonly [string, number],
    peer: readonly [string, number],
  ) {
    this.engine = engine;
    this.phase = phase;
    this.subject = subject;
    this.localHost = local[0];
    this.localPort = local[1];
    this.peerHost = peer[0];
    this.peerPort = peer[1];
  }

  // --- for the engine ------------------------------------------------------------------------------------------------

  write(bytes: Uint8Array): number {
    if (this.shut || (this.phase !== Phase.OPEN && this.phase !== Phase.FLUSHING)) return -1;
    if (lengthOf(bytes) > 0) {
      this.engine.network.store.append(this.outbox, bytes);
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
    for (let done = 0; done < length; ) {
      const segment = this.inbox.take(length - done);
      copy(segment.memory, segment.start, segment.length, memory, at + done);
      done += segment.length;
    }
    this.engine.network.recordBytes(Kind.DATA, this.subject, memory, at, length);
    this.peer!.out!.consumed(length);
  }

  flush(): void {
    if (this.phase !== Phase.OPEN && this.phase !== Phase.FLUSHING) return;
    const { outbox } = this;
    const out = this.out!;
    const { network } = this.engine;
    if (this.wasReset && outbox.bytes > 0) {
      this.fail(ECONNRESET);
      return;
    }
    while (outbox.bytes > 0) {
      const most = Math.min(outbox.bytes, out.room);
      if (most <= 0) {
        out.wantRoom();
        return;
      }
      if (network.random.chance(out.link.settings.partialWrites)) {
        out.send(outbox, 1 + network.random.below(most));
        if (outbox.bytes === 0) break;
        this.retry ??= new Retry(this);
        network.queue.plan(this.retry, network.queue.now + RETRY_SECONDS * network.random.next());
        return;
      }
      out.send(outbox, most);
    }
    this.emptied();
  }

  readEnd(): void {
    if (this.wasReset) {
      this.fail(ECONNRESET);
    } else if (this.finished && !this.eof) {
      this.eof = true;
      this.engine.record(Kind.EOF, this.subject, 0, 0);
      this.engine.push(Completion.READ_EOF, this.handle, 0, 0);
    }
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
    this.release();
  }

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
    if (this.phase !== Phase.CLOSED) this.release();
  }

  release(): void {
    this.phase = Phase.CLOSED;
    this.reading = false;
    this.inbox.clear();
    this.outbox.clear();
    if (this.retry !== undefined) this.engine.network.queue.cancel(this.retry);
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
      if (this.reading) this.engine.readLater(this);
    }
  }

  ended(): void {
    this.finished = true;
    if (this.phase === Phase.LINGERING) this.release();
    else if (this.reading) this.engine.readLater(this);
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
        else if (this.reading) this.engine.readLater(this);
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
  }

  /** There is room to send. */
  writable(): void {
    if (this.phase === Phase.OPEN || this.phase === Phase.FLUSHING) this.engine.flushLater(this);
  }

  /** The acknowledgement timeout has expired. */
  timedOut(): void {
    this.fail(ETIMEDOUT);
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  private emptied(): void {
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
    this.phase = Phase.LINGERING;
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

/** Retries the rest of a partial send. */
class Retry extends Occurrence {
  private readonly end: End;

  constructor(end: End) {
    super();
    this.end = end;
  }

  override run(): void {
    this.end.writable();
  }
}
