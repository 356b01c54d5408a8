/**
 * One connection over a node:net socket. Events and bytes from the socket are buffered here and reported in the
 * engine's next turn; writes are buffered too, and passed to the socket at the end of the turn.
 *
 * node:net destroys a failed socket at once. The connection reports the error only after the bytes before it, and while
 * paused only on resume, write or probe(), as a kernel does.
 */
import type { Socket } from "node:net";
import { CloseReason, Completion, type NativeAddress, type TlsRequest } from "../../native.ts";
import { lengthOf } from "../bytes.ts";
import type { EngineConnection } from "../engine/base.ts";
import { Phase } from "../engine/phase.ts";
import { errnoNamed } from "../errno.ts";
import { nativeAddress } from "./addresses.ts";
import { lossErrno } from "./errno.ts";
import { Inbox } from "./inbox.ts";
import type { BlockPool } from "./outbox.ts";
import { resetSocket } from "./reset.ts";
import { Sender } from "./sender.ts";
import { tlsMaker } from "./tlsmaker.ts";
import type { TlsOwner, TlsStream } from "./tlsstream.ts";

/** Writes of at least DIRECT_BYTES go to the socket at once, and so does the outbox when it reaches HELD_BYTES. */
const DIRECT_BYTES = 4 * 1024;
const HELD_BYTES = 64 * 1024;
/** Reading from the socket is paused while this many received bytes were not taken by the program. */
const UNREAD_BYTES_MAX = 128 * 1024;

const EPROTO = errnoNamed("EPROTO")!;
const NOTHING = Buffer.alloc(0);

/** The part of the engine that a connection uses. */
export interface ConnectionEngine {
  readonly blocks: BlockPool;
  /** Whether the engine reads from its sockets: true from start() on. */
  readonly watches: boolean;
  push(kind: number, handle: number, a: number, b: number): void;
  readLater(connection: NodeConnection): void;
  flushLater(connection: NodeConnection): void;
  lingers(connection: NodeConnection): void;
  released(connection: NodeConnection): void;
}

export class NodeConnection implements EngineConnection, TlsOwner {
  handle = -1;
  phase: number;
  reading = false;
  notifyDrain = false;
  noDelay = 1;
  keepAlive = 0;
  dirty = false;
  ready = false;
  sweeps = 0;
  /** Once it is secured. */
  tls: TlsStream | undefined;
  readonly peerAddress: NativeAddress;
  private readonly engine: ConnectionEngine;
  private readonly socket: Socket;
  private readonly sender: Sender;
  private readonly inbox = new Inbox();
  private shutAsked = false;
  private shut = false;
  /** The socket was asked to end and has not told whether it could. */
  private ending = false;
  /** A reset is to be reported, though it is paused. */
  private probed = false;
  /** The peer's FIN was received; of a connection with TLS, its close_notify. */
  private ended = false;
  private finReceived = false;
  private eof = false;
  errno = 0; // of the socket's failure, until it is reported

  /** `peer`: the peer's address, in case the socket does not know it. */
  constructor(engine: ConnectionEngine, socket: Socket, phase: number, peer: NativeAddress) {
    this.engine = engine;
    this.socket = socket;
    this.phase = phase;
    this.peerAddress = nativeAddress(socket.remoteAddress, socket.remotePort) ?? peer;
    this.sender = new Sender(engine.blocks, socket, () => engine.flushLater(this));
    // The engine's timer keeps the process alive, not the sockets.
    socket.unref();
    socket.pause();
    socket.on("data", (chunk: Buffer) => (this.tls === undefined ? this.opened(chunk) : this.tls.receive(chunk)));
    socket.on("end", () => this.finArrived());
    socket.on("error", (error) => this.failed(lossErrno(error)));
    if (phase === Phase.CONNECTING) socket.on("connect", () => this.connected());
  }

  get localAddress(): NativeAddress | undefined {
    return nativeAddress(this.socket.localAddress, this.socket.localPort);
  }

  // --- for the program, by its engine --------------------------------------------------------------------------------

  write(bytes: Uint8Array): number {
    if (this.shut || (this.phase !== Phase.OPEN && this.phase !== Phase.FLUSHING)) return -1;
    const { sender } = this;
    const length = lengthOf(bytes);
    if (length > 0) {
      sender.append(bytes);
      if ((length >= DIRECT_BYTES || sender.bytes >= HELD_BYTES) && this.errno === 0) sender.send();
      this.engine.flushLater(this);
    }
    return sender.pending;
  }

  close(): void {
    if (this.phase === Phase.CONNECTING) this.abort();
    if (this.phase !== Phase.OPEN) return;
    this.phase = Phase.FLUSHING;
    if (this.tls !== undefined) this.tls.closing = true;
    this.reading = false;
    this.watch();
    this.engine.flushLater(this);
  }

  abort(): void {
    if (this.phase >= Phase.LINGERING) return;
    this.report(0, CloseReason.ABORTED);
    if (this.phase === Phase.CONNECTING) this.socket.destroy();
    else resetSocket(this.socket);
    this.retire();
  }

  shutdownWrite(): void {
    if (this.phase !== Phase.OPEN || this.shutAsked) return;
    this.shutAsked = true;
    this.engine.flushLater(this);
  }

  pauseReading(): void {
    if (this.phase !== Phase.OPEN) return;
    this.reading = false;
    this.watch();
  }

  resumeReading(): void {
    if (this.phase !== Phase.OPEN || this.reading) return;
    this.reading = true;
    this.probed = false;
    this.watch();
    if (this.readable) this.engine.readLater(this);
  }

  /** A zero-byte send fails when the peer's reset has come. */
  probe(): void {
    if (this.phase !== Phase.OPEN || this.reading || this.shutAsked) return;
    this.probed = true;
    if (this.errno !== 0) this.fail(this.errno);
    else if (!this.sender.sending) this.socket.write(NOTHING);
  }

  optionsChanged(): void {
    this.socket.setNoDelay(this.noDelay === 1);
    this.socket.setKeepAlive(this.keepAlive === 1);
  }

  // --- for the engine's turn -----------------------------------------------------------------------------------------

  get unread(): number {
    return this.inbox.bytes;
  }

  get readable(): boolean {
    return this.unread > 0 || (this.ended && !this.eof) || this.errno !== 0;
  }

  /**
   * Resume or pause reading from the socket. It reads while the program wants bytes, while TLS shakes hands, and while
   * lingering, to discard them.
   */
  watch(): void {
    const { tls } = this;
    const wanted =
      this.phase === Phase.LINGERING ||
      (tls?.wantsWire ?? false) ||
      (this.reading && this.unread < UNREAD_BYTES_MAX && !tls?.isFull);
    if (wanted && this.engine.watches) this.socket.resume();
    else this.socket.pause();
  }

  take(length: number, memory: Uint8Array, at: number): void {
    const before = this.unread;
    this.inbox.take(length, memory, at);
    if (before >= UNREAD_BYTES_MAX && this.unread < UNREAD_BYTES_MAX) this.watch();
  }

  readEnd(): void {
    if (this.errno !== 0) {
      this.fail(this.errno);
    } else if (this.ended && !this.eof) {
      this.eof = true;
      this.engine.push(Completion.READ_EOF, this.handle, 0, 0);
    }
  }

  flush(): void {
    if (this.phase !== Phase.OPEN && this.phase !== Phase.FLUSHING) return;
    if (this.sender.bytes > 0) {
      if (this.errno !== 0) {
        this.fail(this.errno);
        return;
      }
      this.sender.send();
    }
    if (!this.sender.sending && this.sender.bytes === 0) this.emptied();
  }

  // --- TLS -----------------------------------------------------------------------------------------------------------

  /** All bytes from now on go through TLS, those of the socket that the program was not told of, too. False: too late. */
  secure(request: TlsRequest): boolean {
    if (this.phase > Phase.OPEN || this.tls !== undefined || this.shutAsked) return false;
    this.tls = tlsMaker()!.ofConnection(this, request);
    this.sender.secure(this.tls);
    const wire = this.inbox.drain();
    if (this.phase === Phase.OPEN) this.tls.begin();
    const { tls } = this;
    // Not at once: what was told as plain and belongs to TLS comes before.
    if (wire.length > 0) queueMicrotask(() => tls.receive(Buffer.concat(wire)));
    this.watch();
    return true;
  }

  carry(bytes: Uint8Array, done: () => void): void {
    if (this.phase === Phase.CLOSED || this.socket.writableEnded || this.socket.destroyed) done();
    else this.socket.write(bytes, () => done());
  }

  told(events: number): void {
    if (this.phase > Phase.FLUSHING) return;
    this.engine.push(Completion.FILTER, this.handle, events, 0);
    this.watch();
    if (this.tls!.established) this.engine.flushLater(this);
  }

  closeNotified(): void {
    this.ended = true;
    if (this.reading) this.engine.readLater(this);
  }

  failedSecurity(): void {
    if (this.phase !== Phase.OPEN && this.phase !== Phase.FLUSHING) return;
    this.errno = EPROTO;
    // What was received before is told before.
    if (this.phase === Phase.FLUSHING || this.unread === 0) this.fail(EPROTO);
    else if (this.reading) this.engine.readLater(this);
  }

  release(): void {
    this.socket.destroy();
    if (this.phase !== Phase.CLOSED) this.retire();
  }

  // --- what the socket emits -----------------------------------------------------------------------------------------

  private connected(): void {
    if (this.phase !== Phase.CONNECTING) return;
    this.phase = Phase.OPEN;
    this.engine.push(Completion.CONNECTED, this.handle, 0, 0);
    this.tls?.begin();
    this.resumeReading();
  }

  /** Bytes for the program have come. */
  opened(chunk: Buffer): void {
    if (this.phase !== Phase.OPEN) return;
    this.inbox.push(chunk);
    if (this.unread >= UNREAD_BYTES_MAX) this.socket.pause();
    if (this.reading) this.engine.readLater(this);
  }

  private finArrived(): void {
    this.finReceived = true;
    if (this.tls === undefined) this.ended = true;
    else this.tls.wireEnded();
    // libuv also reports EOF when a reset follows right behind bytes. A zero-byte send detects that: it fails.
    if (this.phase === Phase.OPEN && !this.socket.writableEnded) this.socket.write(NOTHING);
    if (this.phase === Phase.LINGERING) this.release();
    else if (this.reading) this.engine.readLater(this);
  }

  private failed(errno: number): void {
    switch (this.phase) {
      case Phase.CONNECTING:
        this.engine.push(Completion.CONNECTED, this.handle, errno, 0);
        this.release();
        break;
      case Phase.OPEN:
        // An alert may have come before it.
        if (this.tls?.wantsWire) {
          setImmediate(() => this.phase === Phase.OPEN && this.fail(errno));
          break;
        }
        this.errno = errno;
        if (this.ending || this.sender.sending || this.probed || this.sender.bytes > 0) this.fail(errno);
        else if (this.reading) this.engine.readLater(this);
        break;
      case Phase.FLUSHING:
        this.fail(errno);
        break;
      case Phase.LINGERING:
        this.release();
        break;
    }
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  private emptied(): void {
    if (this.phase === Phase.FLUSHING) {
      if (!this.ending) this.finishClose();
      return;
    }
    if (this.shutAsked && !this.shut && this.errno !== 0) {
      this.fail(this.errno);
      return;
    }
    if (this.notifyDrain) this.engine.push(Completion.WRITE_DRAINED, this.handle, 0, 0);
    if (this.shutAsked && !this.shut && this.tls?.established !== false) {
      this.end();
      this.engine.push(Completion.WRITE_SHUT, this.handle, 0, 0);
    }
  }

  /** Send FIN. node:net ignores the ENOTCONN of shutdown(2) after a reset; a zero-byte send fails then. */
  private end(): void {
    this.shut = true;
    this.ending = true;
    if (this.tls === undefined) this.sendFin();
    else this.tls.end(() => this.sendFin());
  }

  private sendFin(): void {
    if (this.phase > Phase.FLUSHING) return;
    this.socket.write(NOTHING);
    this.socket.end(this.endSent);
  }

  private readonly endSent = (error?: Error | null): void => {
    // The socket emits the error, too.
    if (error) return;
    this.ending = false;
    if (this.phase === Phase.FLUSHING && this.sender.bytes === 0) this.linger();
  };

  private finishClose(): void {
    if (this.errno !== 0) {
      this.fail(this.errno);
    } else if (this.shut || (this.ended && this.tls === undefined) || this.socket.destroyed) {
      this.linger();
    } else {
      this.end();
    }
  }

  private linger(): void {
    this.report(0, CloseReason.FLUSHED);
    if (this.finReceived || this.socket.destroyed) this.release();
    else this.discard();
  }

  /** Read on until the peer's FIN, so that unread bytes do not make a reset of ours. */
  private discard(): void {
    this.phase = Phase.LINGERING;
    this.inbox.clear();
    this.engine.lingers(this);
    this.watch();
  }

  private fail(errno: number): void {
    this.report(errno, CloseReason.ERROR);
    if (!this.tls?.failed || this.socket.destroyed) {
      this.release();
      return;
    }
    // The peer is told why, by an alert, which may not be written yet.
    this.sender.clear();
    this.discard();
    setImmediate(() => {
      if (this.phase === Phase.LINGERING) this.socket.end(() => this.finReceived && this.release());
    });
  }

  private report(errno: number, how: number): void {
    if (this.handle >= 0) this.engine.push(Completion.CLOSED, this.handle, errno, how);
  }

  /** Detach from the program: its handle is released. */
  private retire(): void {
    this.phase = Phase.CLOSED;
    this.reading = false;
    this.inbox.clear();
    this.sender.clear();
    this.tls?.destroy();
    this.engine.released(this);
  }
}
