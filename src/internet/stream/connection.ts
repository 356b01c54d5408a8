/**
 * A TCP connection as a protocol sees it: the transport. How it closes is in closing.ts; here are its bytes, its
 * addresses, and what the engine reports of it.
 *
 * The connection is "lost" when the engine's CLOSED record arrives: connectionLost() is called once, never from inside
 * another call. The handle is forgotten then: its slot's generation wraps around after 2,048 connections, so a kept
 * transport would eventually write to another connection.
 *
 * One object per connection, of few and fixed fields: an idle connection costs memory for nothing else.
 */

import { nameOf } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { CloseReason, type NativeEngine, SocketOption } from "../../native.ts";
import { check } from "../arguments/check.ts";
import { flag } from "../arguments/kinds.ts";
import { ensureProtocol } from "../arguments/transports.ts";
import { encoded, ensurePieces } from "../arguments/writing.ts";
import { BufferView } from "../engine/view.ts";
import { getSystemErrorMessage, getSystemErrorName } from "../errno.ts";
import { ConnectionAborted, ConnectionDone, ConnectionLost } from "../error.ts";
import { Failure } from "../failure.ts";
import type { Address, Bytes, ProtocolLike, Transport } from "../interfaces.ts";
import { LOOP, type Loop } from "../reactor/loop.ts";
import { onRejection } from "../rejection.ts";
import { borrowsFrom } from "./borrowing.ts";
import {
  ABORTED,
  CLOSE_DUE,
  CLOSING,
  ClosingTransport,
  DEAF,
  LOST,
  OWN_BITS,
  PEER_ENDED,
  PRODUCER,
  watch,
} from "./closing.ts";

import { HeldBytes } from "./held.ts";

/** A streaming producer is paused while more than this waits to be sent, in bytes. */
const HIGH_WATER = 64 * 1024;

const BUILD_REJECTED = "buildProtocol() returned a promise instead of a protocol, and the promise was rejected";

const BORROWS = 1 << OWN_BITS;
/** The protocol has paused reading. */
const PAUSED = 1 << (OWN_BITS + 1);
/** The peer's FIN came while paused, and waits until reading goes on. */
const END_HELD = 1 << (OWN_BITS + 2);
/** Bytes or an end are held, and their delivery is on its way. */
const DELIVERY_DUE = 1 << (OWN_BITS + 3);
/** The options that differ from those of a fresh connection: what getters answer after the loss. */
const DELAYS = 1 << (OWN_BITS + 4);
const KEEPS_ALIVE = 1 << (OWN_BITS + 5);

/** The handle of no connection: the engine ignores it in every call. */
const VOID_HANDLE = -1;

/** What a connection tells the one who made it, once it is lost. */
export interface ConnectionOwner {
  connectionLost(connection: TcpConnection, reason: Failure): void;
  /** Call `f` after everything that runs now. */
  soon(f: () => void): void;
  /** The loop of the reactor. */
  readonly loop: Loop;
}

export class TcpConnection extends ClosingTransport implements Transport {
  /** The engine's name for it, -1 once it is lost. */
  handle: number;
  private readonly native: NativeEngine;
  private readonly owner: ConnectionOwner;
  private readonly peer: Address;
  private readonly host: Address;
  /** Bytes that were on their way when the protocol paused. */
  private held: HeldBytes | undefined;

  constructor(native: NativeEngine, handle: number, host: Address, peer: Address, owner: ConnectionOwner) {
    super();
    this.handle = handle;
    this.native = native;
    this.owner = owner;
    this.peer = peer;
    this.host = host;
    this.held = undefined;
  }

  /** Give the connection its protocol and tell it. */
  begin(protocol: ProtocolLike): void {
    this.receiver = protocol;
    this.flags &= ~BORROWS;
    try {
      if (borrowsFrom(protocol)) this.flags |= BORROWS;
      const result: unknown = protocol.makeConnection(this);
      if (result !== undefined) watch(this, result);
    } catch (error) {
      this.fail(error);
      onRejection(protocol, (reason) => err(reason, BUILD_REJECTED)); // buildProtocol() was async by mistake
    }
  }

  // --- for the engine's link -------------------------------------------------------------------------------------

  get borrows(): boolean {
    return (this.flags & BORROWS) !== 0;
  }

  get peerHasEnded(): boolean {
    return (this.flags & PEER_ENDED) !== 0;
  }

  /** `lent`: the bytes are good until this returns. */
  received(data: Buffer, lent: boolean): void {
    if ((this.flags & (DEAF | PAUSED | DELIVERY_DUE)) !== 0) {
      this.hold(data, lent);
      return;
    }
    try {
      const result: unknown = this.receiver!.dataReceived(data);
      if (result !== undefined) watch(this, result);
    } catch (error) {
      this.fail(error);
    }
  }

  readEnded(): void {
    if ((this.flags & (PAUSED | DELIVERY_DUE)) === 0) this.peerEnded();
    else this.flags |= PEER_ENDED | END_HELD;
  }

  closed(errno: number, how: number): void {
    const reason = this.reason ?? closeReason(errno, how);
    this.handle = VOID_HANDLE;
    this.held = undefined;
    this.lost(reason);
    this.owner.connectionLost(this, reason);
  }

  // --- for protocols ---------------------------------------------------------------------------------------------

  /** The loop that it lives in, for who awaits what it does. */
  get [LOOP](): Loop {
    return this.owner.loop;
  }

  write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    if (encoding !== undefined || callback !== undefined) {
      this.write(encoded(data, encoding, callback));
      return;
    }
    // The engine takes a view of the bytes or of a copy, and is done with it when it returns.
    const pending = this.native.write(this.handle, typeof data === "string" ? Buffer.from(data, "utf8") : data);
    if (pending > HIGH_WATER && (this.flags & PRODUCER) !== 0) this.pauseProducer();
  }

  writeSequence(pieces: Iterable<Bytes>): void {
    for (const piece of ensurePieces(pieces)) this.write(piece);
  }

  getPeer(): Address {
    return this.peer;
  }

  getHost(): Address {
    return this.host;
  }

  pauseProducing(): void {
    if ((this.flags & (PAUSED | LOST)) !== 0) return;
    this.flags |= PAUSED;
    this.native.pauseReading(this.handle);
  }

  resumeProducing(): void {
    if ((this.flags & PAUSED) === 0 || (this.flags & DEAF) !== 0) return;
    this.flags &= ~PAUSED;
    if ((this.held !== undefined || (this.flags & END_HELD) !== 0) && (this.flags & DELIVERY_DUE) === 0) {
      // Not from inside this call: dataReceived() is never re-entered.
      this.flags |= DELIVERY_DUE;
      this.owner.soon(() => this.deliverHeld());
      return;
    }
    if ((this.flags & DELIVERY_DUE) === 0) this.native.resumeReading(this.handle);
  }

  switchProtocol(next: ProtocolLike): void {
    ensureProtocol("switchProtocol(next)", next);
    if ((this.flags & LOST) !== 0) return;
    this.begin(next);
    // The protocol before knows of the peer's end, this one does not.
    if ((this.flags & (PEER_ENDED | END_HELD)) !== PEER_ENDED) return;
    this.owner.soon(() => {
      if (this.receiver === next) this.readEnded();
    });
  }

  setTcpNoDelay(on: boolean): void {
    check("setTcpNoDelay(on)", "on", on, flag);
    this.flags = on ? this.flags & ~DELAYS : this.flags | DELAYS;
    this.native.setOption(this.handle, SocketOption.NODELAY, on ? 1 : 0);
  }

  /** True unless it was switched off: what is written in a turn leaves together anyway. */
  getTcpNoDelay(): boolean {
    if ((this.flags & LOST) !== 0) return (this.flags & DELAYS) === 0;
    return this.native.getOption(this.handle, SocketOption.NODELAY) === 1;
  }

  setTcpKeepAlive(on: boolean): void {
    check("setTcpKeepAlive(on)", "on", on, flag);
    this.flags = on ? this.flags | KEEPS_ALIVE : this.flags & ~KEEPS_ALIVE;
    this.native.setOption(this.handle, SocketOption.KEEPALIVE, on ? 1 : 0);
  }

  getTcpKeepAlive(): boolean {
    if ((this.flags & LOST) !== 0) return (this.flags & KEEPS_ALIVE) !== 0;
    return this.native.getOption(this.handle, SocketOption.KEEPALIVE) === 1;
  }

  // --- how it closes ---------------------------------------------------------------------------------------------

  protected override stopReading(): void {
    this.held = undefined;
    // The engine stops reading by itself when it closes.
    if ((this.flags & (ABORTED | CLOSE_DUE)) === 0) this.native.pauseReading(this.handle);
  }

  protected override sendThenFin(): void {
    this.native.shutdownWrite(this.handle);
  }

  protected override sendThenClose(): void {
    this.native.close(this.handle);
  }

  protected override cut(): void {
    this.native.abort(this.handle);
  }

  protected override wantDrain(on: boolean): void {
    this.native.notifyDrain(this.handle, on);
  }

  /** End this connection, and only this one, because its protocol threw. */
  override fail(error: unknown): void {
    const name = this.receiver === undefined ? "A protocol" : nameOf(this.receiver);
    err(error, `${name} threw; its connection to ${this.peer} is closed`);
    this.end(new Failure(error));
  }

  /** End the connection now, for `reason`. */
  end(reason: Failure): void {
    if ((this.flags & LOST) !== 0) return;
    this.reason ??= reason;
    this.abortConnection();
  }

  /** Close when all is sent, whatever a producer has still to write, and let `reason` be told as the reason. */
  loseConnectionFor(reason: Failure): void {
    if ((this.flags & LOST) !== 0) return;
    this.reason ??= reason;
    this.flags |= CLOSING | CLOSE_DUE;
    this.native.close(this.handle);
  }

  private hold(data: Buffer, lent: boolean): void {
    if ((this.flags & DEAF) !== 0) return;
    if (this.held === undefined) this.held = new HeldBytes(lent ? new BufferView(data) : data);
    else this.held.add(data);
  }

  private deliverHeld(): void {
    this.flags &= ~DELIVERY_DUE;
    if ((this.flags & (PAUSED | DEAF)) !== 0) return;
    const held = this.held;
    this.held = undefined;
    if (held !== undefined) this.received(held.all(), false);
    if ((this.flags & (PAUSED | DEAF)) !== 0) return;
    this.native.resumeReading(this.handle);
    if ((this.flags & END_HELD) !== 0) {
      this.flags &= ~END_HELD;
      this.readEnded();
    }
  }
}

/** An Error costs microseconds for its stack, which would show nothing but this file: one of each kind serves all. */
const DONE = new ConnectionDone();
const ABORTED_HERE = new ConnectionAborted();
const lostBy = new Map<number, ConnectionLost>();

function closeReason(errno: number, how: number): Failure {
  if (how === CloseReason.FLUSHED) return new Failure(DONE);
  if (how === CloseReason.ABORTED) return new Failure(ABORTED_HERE);
  let lost = lostBy.get(errno);
  if (lost === undefined) {
    const name = getSystemErrorName(errno);
    lost = new ConnectionLost(
      `The connection to the other side was lost in a non-clean way: ${getSystemErrorMessage(errno)} (${name}).`,
      name,
    );
    lostBy.set(errno, lost);
  }
  return new Failure(lost);
}
