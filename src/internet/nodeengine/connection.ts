/**
 * One connection over a node:net socket. Events and bytes from the socket are buffered here and reported in the
 * engine's next turn; writes are buffered too, and passed to the socket at the end of the turn.
 *
 * node:net destroys a failed socket at once. The connection reports the error only after the bytes before it, and while
 * paused only on resume, write or probe(), as a kernel does.
 */
import type { Socket } from "node:net";
import { CloseReason, Completion, type NativeAddress } from "../../native.ts";
import { lengthOf } from "../bytes.ts";
import type { EngineConnection } from "../engine/base.ts";
import { Phase } from "../engine/phase.ts";
import { nativeAddress } from "./addresses.ts";
import { lossErrno } from "./errno.ts";
import { type BlockPool, Outbox } from "./outbox.ts";

/** Writes of at least DIRECT_BYTES go to the socket at once, and so does the outbox when it reaches HELD_BYTES. */
const DIRECT_BYTES = 4 * 1024;
const HELD_BYTES = 64 * 1024;
/** Reading from the socket is paused while this many received bytes were not taken by the program. */
const UNREAD_BYTES_MAX = 128 * 1024;

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

export class NodeConnection implements EngineConnection {
  handle = -1;
  phase: number;
  reading = false;
  notifyDrain = false;
  noDelay = 1;
  keepAlive = 0;
  dirty = false;
  ready = false;
  sweeps = 0;
  unread = 0;
  readonly peerAddress: NativeAddress;
  private readonly engine: ConnectionEngine;
  private readonly socket: Socket;
  private readonly outbox: Outbox;
  private inbox: Buffer[] = [];
  /** How many bytes of the first chunk were read. */
  private taken = 0;
  /** The socket holds bytes that the kernel has not accepted yet. */
  private sending = false;
  private shutAsked = false;
  private shut = false;
  /** The socket was asked to end and has not told whether it could. */
  private ending = false;
  /** A reset is to be reported, though it is paused. */
  private probed = false;
  /** The peer's FIN was received and reported. */
  private ended = false;
  private eof = false;
  /** The errno of the socket's failure, until it is reported. */
  private errno = 0;

  /** `peer`: the peer's address, in case the socket does not know it. */
  constructor(engine: ConnectionEngine, socket: Socket, phase: number, peer: NativeAddress) {
    this.engine = engine;
    this.socket = socket;
    this.phase = phase;
    this.peerAddress = nativeAddress(socket.remoteAddress, socket.remotePort) ?? peer;
    this.outbox = new Outbox(engine.blocks);
    // The engine's timer keeps the process alive, not the sockets.
    socket.unref();
    socket.pause();
    socket.on("data", (chunk: Buffer) => this.arrived(chunk));
    socket.on("end", () => this.peerEnded());
    socket.on("error", (error) => this.failed(lossErrno(error)));
    if (phase === Phase.CONNECTING) socket.on("connect", () => this.connected());
  }

  get localAddress(): NativeAddress | undefined {
    return nativeAddress(this.socket.localAddress, this.socket.localPort);
  }

  // --- for the program, by its engine --------------------------------------------------------------------------------

  write(bytes: Uint8Array): number {
    if (this.shut || (this.phase !== Phase.OPEN && this.phase !== Phase.FLUSHING)) return -1;
    const { outbox } = this;
    const length = lengthOf(bytes);
    if (length > 0) {
      outbox.append(bytes);
      if (length >= DIRECT_BYTES || outbox.bytes >= HELD_BYTES) this.send();
      this.engine.flushLater(this);
    }
    return outbox.bytes + this.socket.writableLength;
  }

  close(): void {
    if (this.phase === Phase.CONNECTING) this.abort();
    if (this.phase !== Phase.OPEN) return;
    this.phase = Phase.FLUSHING;
    this.reading = false;
    this.socket.pause();
    this.engine.flushLater(this);
  }

  abort(): void {
    if (this.phase >= Phase.LINGERING) return;
    this.report(0, CloseReason.ABORTED);
    if (this.phase === Phase.CONNECTING) this.socket.destroy();
    else this.reset();
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
    this.socket.pause();
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
    else if (!this.sending) this.socket.write(NOTHING);
  }

  optionsChanged(): void {
    this.socket.setNoDelay(this.noDelay === 1);
    this.socket.setKeepAlive(this.keepAlive === 1);
  }

  // --- for the engine's turn -----------------------------------------------------------------------------------------

  get readable(): boolean {
    return this.unread > 0 || (this.ended && !this.eof) || this.errno !== 0;
  }

  /**
   * Resume or pause reading from the socket. It reads while the program wants bytes, and while lingering, to discard
   * them.
   */
  watch(): void {
    const wanted = this.phase === Phase.LINGERING || (this.reading && this.unread < UNREAD_BYTES_MAX);
    if (wanted && this.engine.watches) this.socket.resume();
    else this.socket.pause();
  }

  take(length: number, memory: Uint8Array, at: number): void {
    for (let done = 0; done < length; ) {
      const chunk = this.inbox[0]!;
      const end = Math.min(chunk.length, this.taken + length - done);
      memory.set(chunk.subarray(this.taken, end), at + done);
      done += end - this.taken;
      this.taken = end;
      if (end < chunk.length) break;
      this.inbox.shift();
      this.taken = 0;
    }
    const before = this.unread;
    this.unread -= length;
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
    if (this.outbox.bytes > 0) {
      if (this.errno !== 0) {
        this.fail(this.errno);
        return;
      }
      this.send();
    }
    if (!this.sending && this.outbox.bytes === 0) this.emptied();
  }

  release(): void {
    this.socket.destroy();
    this.retire();
  }

  // --- what the socket emits -----------------------------------------------------------------------------------------

  private connected(): void {
    if (this.phase !== Phase.CONNECTING) return;
    this.phase = Phase.OPEN;
    this.engine.push(Completion.CONNECTED, this.handle, 0, 0);
    this.resumeReading();
  }

  private arrived(chunk: Buffer): void {
    if (this.phase !== Phase.OPEN) return;
    this.inbox.push(chunk);
    this.unread += chunk.length;
    if (this.unread >= UNREAD_BYTES_MAX) this.socket.pause();
    if (this.reading) this.engine.readLater(this);
  }

  private peerEnded(): void {
    this.ended = true;
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
        this.errno = errno;
        if (this.ending || this.sending || this.probed || this.outbox.bytes > 0) this.fail(errno);
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

  /** The kernel has accepted all bytes that the socket held. */
  private readonly sent = (error?: Error | null): void => {
    // Called once per write, some time after the write completed.
    if (error || !this.sending || this.socket.writableLength > 0) return;
    this.sending = false;
    this.outbox.sent();
    this.engine.flushLater(this);
  };

  // --- inside --------------------------------------------------------------------------------------------------------

  /** Pass the outbox to the socket, which passes as much as possible to the kernel at once. */
  private send(): void {
    const { socket, outbox } = this;
    if (this.sending || this.errno !== 0 || socket.destroyed) return;
    const chunks = outbox.take();
    const last = chunks.length - 1;
    this.sending = true;
    socket.cork();
    for (let i = 0; i < last; i++) socket.write(chunks[i]!);
    socket.write(chunks[last]!, this.sent);
    socket.uncork();
    if (socket.writableLength > 0 || socket.errored !== null) return;
    this.sending = false;
    outbox.sent();
  }

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
    if (this.shutAsked && !this.shut) {
      this.end();
      this.engine.push(Completion.WRITE_SHUT, this.handle, 0, 0);
    }
  }

  /**
   * Send FIN. node:net ignores the ENOTCONN with which shutdown(2) tells of a reset that came before; a zero-byte send
   * fails then.
   */
  private end(): void {
    this.shut = true;
    this.ending = true;
    this.socket.write(NOTHING);
    this.socket.end(this.endSent);
  }

  private readonly endSent = (error?: Error | null): void => {
    // The socket emits the error, too.
    if (error) return;
    this.ending = false;
    if (this.phase === Phase.FLUSHING && this.outbox.bytes === 0) this.linger();
  };

  private finishClose(): void {
    if (this.errno !== 0) {
      this.fail(this.errno);
    } else if (this.shut || this.ended || this.socket.destroyed) {
      this.linger();
    } else {
      this.end();
    }
  }

  private linger(): void {
    this.report(0, CloseReason.FLUSHED);
    if (this.ended || this.socket.destroyed) {
      this.release();
      return;
    }
    this.phase = Phase.LINGERING;
    this.inbox = [];
    this.unread = 0;
    this.engine.lingers(this);
    this.watch();
  }

  private fail(errno: number): void {
    this.report(errno, CloseReason.ERROR);
    this.release();
  }

  private report(errno: number, how: number): void {
    if (this.handle >= 0) this.engine.push(Completion.CLOSED, this.handle, errno, how);
  }

  private reset(): void {
    const { socket } = this;
    // uv_tcp_close_reset() fails while a shutdown of the socket is pending.
    const shutting = socket.writableEnded && !socket.writableFinished && !socket.destroyed;
    if (shutting) socket.once("finish", () => socket.resetAndDestroy());
    else socket.resetAndDestroy();
  }

  /** Detach from the program: its handle is released. */
  private retire(): void {
    this.phase = Phase.CLOSED;
    this.reading = false;
    this.inbox = [];
    this.unread = 0;
    this.outbox.clear();
    this.engine.released(this);
  }
}
