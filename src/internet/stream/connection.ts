/**
 * A TCP connection as a protocol sees it: the transport.
 *
 * ```
 *   open ── loseConnection() ──▶ disconnecting ── all sent ──▶ lost
 *    │                                │
 *    └── abortConnection(), an error, a protocol method that throws ──▶ lost
 * ```
 * "lost" is when the engine's CLOSED record arrives: connectionLost() is called once, never from inside another call.
 *
 * One object per connection, of few and fixed fields: an idle connection costs memory for nothing else.
 */

import { err } from "../../logger/log.ts";
import { CloseReason, type NativeAddress, type NativeEngine, SocketOption } from "../../native.ts";
import { IPv4Address, IPv6Address } from "../address.ts";
import { getSystemErrorMessage, getSystemErrorName } from "../errno.ts";
import { ConnectionAborted, ConnectionDone, ConnectionLost } from "../error.ts";
import { Failure } from "../failure.ts";
import type {
  Address,
  Bytes,
  HalfCloseableProtocol,
  Producer,
  ProtocolLike,
  PullProducer,
  PushProducer,
  Transport,
} from "../interfaces.ts";
import { borrowsFrom } from "./borrowing.ts";

/** A streaming producer is paused while more than this waits to be sent, in bytes. */
const HIGH_WATER = 64 * 1024;

const BORROWS = 1 << 0;
/** loseConnection() was called. */
const DISCONNECTING = 1 << 1;
/** abortConnection() was called, or a method threw: nothing is delivered any more. */
const ABORTED = 1 << 2;
const LOST = 1 << 3;
const PAUSED = 1 << 4;
/** The peer's FIN was seen. */
const PEER_ENDED = 1 << 5;
/** The peer's FIN came while paused, and waits until reading goes on. */
const END_HELD = 1 << 6;
/** Our FIN is out. */
const WRITE_ENDED = 1 << 7;
const STREAMING = 1 << 8;
const PRODUCER_PAUSED = 1 << 9;
/** Bytes or an end are held, and their delivery is on its way. */
const DELIVERY_DUE = 1 << 10;

/** What a connection tells the one who made it, once it is lost. */
export interface ConnectionOwner {
  connectionLost(connection: TcpConnection, reason: Failure): void;
  /** What getHost() answers when the kernel can no longer tell. */
  localAddress(): Address;
  /** Call `f` after everything that runs now. */
  soon(f: () => void): void;
}

export class TcpConnection implements Transport {
  readonly handle: number;
  private readonly native: NativeEngine;
  private readonly owner: ConnectionOwner;
  private readonly peer: Address;
  private protocol: ProtocolLike | undefined;
  private producer: Producer | undefined;
  private flags = 0;
  /** Bytes that were on their way when the protocol paused. */
  private held: Buffer | undefined;
  /** Why the connection ends, when it was not the kernel or the peer who ended it. */
  private reason: Failure | undefined;

  constructor(native: NativeEngine, handle: number, peer: Address, owner: ConnectionOwner) {
    this.handle = handle;
    this.native = native;
    this.owner = owner;
    this.peer = peer;
    this.protocol = undefined;
    this.producer = undefined;
    this.held = undefined;
    this.reason = undefined;
  }

  /** Give the connection its protocol and tell it. `lends` is what the engine does for this connection so far. */
  begin(protocol: ProtocolLike, borrows: boolean, lends: boolean): void {
    this.protocol = protocol;
    if (borrows) this.flags |= BORROWS;
    if (borrows !== lends) this.native.setBorrows(this.handle, borrows);
    try {
      const result: unknown = protocol.makeConnection(this);
      if (result !== undefined) watch(this, result);
    } catch (error) {
      this.fail(error);
    }
  }

  // --- for the engine's link -------------------------------------------------------------------------------------

  get borrows(): boolean {
    return (this.flags & BORROWS) !== 0;
  }

  get peerEnded(): boolean {
    return (this.flags & PEER_ENDED) !== 0;
  }

  /** `lent`: the bytes are good until this returns. */
  received(data: Buffer, lent: boolean): void {
    if ((this.flags & (DISCONNECTING | ABORTED | LOST | PAUSED | DELIVERY_DUE)) !== 0) {
      this.hold(data, lent);
      return;
    }
    try {
      const result: unknown = this.protocol!.dataReceived(data);
      if (result !== undefined) watch(this, result);
    } catch (error) {
      this.fail(error);
    }
  }

  readEnded(): void {
    this.flags |= PEER_ENDED;
    if ((this.flags & (PAUSED | DELIVERY_DUE)) !== 0) {
      this.flags |= END_HELD;
      return;
    }
    if ((this.flags & (DISCONNECTING | ABORTED | LOST)) !== 0) return;
    const protocol = this.protocol as Partial<HalfCloseableProtocol>;
    if (typeof protocol.readConnectionLost !== "function") {
      this.loseConnection();
      return;
    }
    try {
      watch(this, protocol.readConnectionLost());
    } catch (error) {
      this.fail(error);
    }
    this.closeWhenBothEnded();
  }

  writeEnded(): void {
    this.flags |= WRITE_ENDED;
    if ((this.flags & (ABORTED | LOST)) !== 0) return;
    const protocol = this.protocol as Partial<HalfCloseableProtocol>;
    try {
      watch(this, protocol.writeConnectionLost?.());
    } catch (error) {
      this.fail(error);
    }
    this.closeWhenBothEnded();
  }

  drained(): void {
    const producer = this.producer;
    if (producer === undefined || (this.flags & (ABORTED | LOST)) !== 0) return;
    if ((this.flags & STREAMING) !== 0) {
      if ((this.flags & PRODUCER_PAUSED) === 0) return;
      this.flags &= ~PRODUCER_PAUSED;
      this.native.notifyDrain(this.handle, false);
    }
    try {
      (producer as PullProducer).resumeProducing();
    } catch (error) {
      this.fail(error);
    }
  }

  closed(errno: number, how: number): void {
    const reason = this.reason ?? closeReason(errno, how);
    this.flags |= LOST;
    this.held = undefined;
    this.reason = undefined;
    const producer = this.producer;
    const protocol = this.protocol;
    this.producer = undefined;
    this.protocol = undefined;
    try {
      producer?.stopProducing();
    } catch (error) {
      err(error, "A producer threw in stopProducing()");
    }
    try {
      const result: unknown = protocol?.connectionLost(reason);
      if (result !== undefined) watch(this, result);
    } catch (error) {
      err(error, `${nameOf(protocol)} threw in connectionLost()`);
    }
    this.owner.connectionLost(this, reason);
  }

  // --- for protocols ---------------------------------------------------------------------------------------------

  get disconnecting(): boolean {
    return (this.flags & DISCONNECTING) !== 0;
  }

  write(data: Bytes): void {
    // The engine takes a view of the bytes or of a copy, and is done with it when it returns.
    const pending = this.native.write(this.handle, typeof data === "string" ? Buffer.from(data, "utf8") : data);
    if (pending > HIGH_WATER && this.producer !== undefined) this.pauseProducer();
  }

  writeSequence(pieces: Iterable<Bytes>): void {
    for (const piece of pieces) this.write(piece);
  }

  loseConnection(): void {
    if ((this.flags & (DISCONNECTING | ABORTED | LOST)) !== 0) return;
    this.flags |= DISCONNECTING;
    this.held = undefined;
    if (this.closeWaitsForProducer()) this.native.pauseReading(this.handle);
    else this.native.close(this.handle);
  }

  abortConnection(): void {
    if ((this.flags & (ABORTED | LOST)) !== 0) return;
    this.flags |= ABORTED | DISCONNECTING;
    this.held = undefined;
    this.native.abort(this.handle);
  }

  loseWriteConnection(): void {
    this.native.shutdownWrite(this.handle);
  }

  getPeer(): Address {
    return this.peer;
  }

  getHost(): Address {
    return addressFrom(this.native.localAddress(this.handle)) ?? this.owner.localAddress();
  }

  registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    if (this.producer !== undefined) {
      throw new Error("A producer is registered with this transport already: unregisterProducer() it first.");
    }
    if ((this.flags & (ABORTED | LOST)) !== 0) {
      producer.stopProducing();
      return;
    }
    this.producer = producer;
    this.flags &= ~(STREAMING | PRODUCER_PAUSED);
    if (streaming) {
      this.flags |= STREAMING;
      return;
    }
    this.native.notifyDrain(this.handle, true);
    producer.resumeProducing();
  }

  unregisterProducer(): void {
    if (this.producer === undefined) return;
    this.producer = undefined;
    this.flags &= ~(STREAMING | PRODUCER_PAUSED);
    this.native.notifyDrain(this.handle, false);
    // loseConnection() may have waited for it.
    if ((this.flags & DISCONNECTING) !== 0) this.native.close(this.handle);
  }

  pauseProducing(): void {
    if ((this.flags & (PAUSED | LOST)) !== 0) return;
    this.flags |= PAUSED;
    this.native.pauseReading(this.handle);
  }

  resumeProducing(): void {
    if ((this.flags & PAUSED) === 0 || (this.flags & (DISCONNECTING | ABORTED | LOST)) !== 0) return;
    this.flags &= ~PAUSED;
    if ((this.held !== undefined || (this.flags & END_HELD) !== 0) && (this.flags & DELIVERY_DUE) === 0) {
      // Not from inside this call: dataReceived() is never re-entered.
      this.flags |= DELIVERY_DUE;
      this.owner.soon(() => this.deliverHeld());
      return;
    }
    if ((this.flags & DELIVERY_DUE) === 0) this.native.resumeReading(this.handle);
  }

  stopProducing(): void {
    this.loseConnection();
  }

  switchProtocol(next: ProtocolLike): void {
    if ((this.flags & LOST) !== 0) return;
    const lends = this.borrows;
    this.flags &= ~BORROWS;
    this.begin(next, borrowsFrom(next), lends);
    // The protocol before knows of the peer's end, this one does not.
    if ((this.flags & (PEER_ENDED | END_HELD)) !== PEER_ENDED) return;
    this.owner.soon(() => {
      if (this.protocol === next) this.readEnded();
    });
  }

  setTcpNoDelay(on: boolean): void {
    this.native.setOption(this.handle, SocketOption.NODELAY, on ? 1 : 0);
  }

  /** True unless it was switched off: what is written in a turn leaves together anyway. */
  getTcpNoDelay(): boolean {
    return this.native.getOption(this.handle, SocketOption.NODELAY) === 1;
  }

  setTcpKeepAlive(on: boolean): void {
    this.native.setOption(this.handle, SocketOption.KEEPALIVE, on ? 1 : 0);
  }

  getTcpKeepAlive(): boolean {
    return this.native.getOption(this.handle, SocketOption.KEEPALIVE) === 1;
  }

  // --- inside ----------------------------------------------------------------------------------------------------

  /** End this connection, and only this one, because its protocol threw. */
  fail(error: unknown): void {
    err(error, `${nameOf(this.protocol)} threw; its connection to ${this.peer} is closed`);
    this.end(new Failure(error));
  }

  /** End the connection now, for `reason`. */
  end(reason: Failure): void {
    if ((this.flags & LOST) !== 0) return;
    this.reason ??= reason;
    this.abortConnection();
  }

  /** Close when all is sent, but let `reason` be told as the reason. */
  loseConnectionFor(reason: Failure): void {
    if ((this.flags & LOST) !== 0) return;
    this.reason ??= reason;
    this.flags |= DISCONNECTING;
    this.native.close(this.handle);
  }

  private hold(data: Buffer, lent: boolean): void {
    if ((this.flags & (DISCONNECTING | ABORTED | LOST)) !== 0) return;
    const owned = lent ? Buffer.from(data) : data;
    this.held = this.held === undefined ? owned : Buffer.concat([this.held, owned]);
  }

  private deliverHeld(): void {
    this.flags &= ~DELIVERY_DUE;
    if ((this.flags & (PAUSED | DISCONNECTING | ABORTED | LOST)) !== 0) return;
    const held = this.held;
    this.held = undefined;
    if (held !== undefined) this.received(held, false);
    if ((this.flags & (PAUSED | DISCONNECTING | ABORTED | LOST)) !== 0) return;
    this.native.resumeReading(this.handle);
    if ((this.flags & END_HELD) !== 0) {
      this.flags &= ~END_HELD;
      this.readEnded();
    }
  }

  private closeWhenBothEnded(): void {
    const both = PEER_ENDED | WRITE_ENDED;
    if ((this.flags & both) === both) this.loseConnection();
  }

  /** A pull producer, and a push producer that is paused, have more to say before the connection may close. */
  private closeWaitsForProducer(): boolean {
    return this.producer !== undefined && ((this.flags & STREAMING) === 0 || (this.flags & PRODUCER_PAUSED) !== 0);
  }

  private pauseProducer(): void {
    if ((this.flags & STREAMING) === 0 || (this.flags & PRODUCER_PAUSED) !== 0) return;
    this.flags |= PRODUCER_PAUSED;
    this.native.notifyDrain(this.handle, true);
    (this.producer as PushProducer).pauseProducing();
  }
}

/** A protocol method may be async: what it rejects with ends its connection, as if it had thrown. */
function watch(connection: TcpConnection, result: unknown): void {
  if (typeof (result as PromiseLike<unknown> | undefined)?.then !== "function") return;
  (result as PromiseLike<unknown>).then(undefined, (error: unknown) => connection.fail(error));
}

function nameOf(protocol: ProtocolLike | undefined): string {
  return protocol?.constructor.name ?? "A protocol";
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

/** The address that the engine describes; undefined for an error. */
export function addressFrom(native: NativeAddress | number): Address | undefined {
  if (typeof native === "number") return undefined;
  const [family, host, port, scopeID] = native;
  if (family === 4) return new IPv4Address("TCP", host, port);
  return new IPv6Address("TCP", scopeID === 0 ? host : `${host}%${scopeID}`, port, 0, scopeID);
}
