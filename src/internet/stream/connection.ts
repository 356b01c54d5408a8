/**
 * The transport of a TCP connection: its bytes, its addresses, and the reports of the engine. closing.ts has the rules of
 * closing.
 *
 * The connection is "lost" when the engine's CLOSED record arrives: connectionLost() is called once, never from inside
 * another call. The handle is forgotten then: its slot's generation wraps around after 2,048 connections, so a kept
 * transport would eventually write to another connection.
 *
 * There is one object per connection, with few and fixed fields: an idle connection takes no other memory here.
 */

import { nameOf } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { CloseReason, type NativeEngine, SocketOption } from "../../native.ts";
import { check, checkOptions } from "../arguments/check.ts";
import { flag } from "../arguments/kinds.ts";
import { ensureProtocol } from "../arguments/transports.ts";
import { encoded, ensurePieces } from "../arguments/writing.ts";
import { BufferView } from "../engine/view.ts";
import { PlaintextBeforeTLS } from "../error.ts";
import { Failure } from "../failure.ts";
import type { Address, Bytes, ProtocolLike, TLSTransport } from "../interfaces.ts";
import { LOOP, type Loop } from "../reactor/loop.ts";
import { onRejection } from "../rejection.ts";
import { type ContextFactory, START_KINDS, type StartTLSOptions, securityOf } from "../tls/seam.ts";
import { borrowsFrom } from "./borrowing.ts";
import { closeReason } from "./closereason.ts";
import {
  ABORTED,
  CLOSE_DUE,
  CLOSING,
  DEAF,
  HALF_CLOSING,
  HELD_BACK,
  LOST,
  OWN_BITS,
  PEER_ENDED,
  watch,
} from "./closing.ts";
import { HeldBytes } from "./held.ts";
import { NOTICE_RESETS } from "./resets.ts";
import { SecurableTransport } from "./securable.ts";
import { ACCEPTED, HIGH_WATER, QUEUED, undeliveredIn } from "./sendqueue.ts";

const BUILD_REJECTED = "buildProtocol() returned a promise instead of a protocol, and the promise was rejected";

const BORROWS = 1 << OWN_BITS;
/** The protocol has paused reading. */
const PAUSED = 1 << (OWN_BITS + 1);
/** The peer's FIN arrived while nothing was delivered; it is told once everything before it was. */
const END_HELD = 1 << (OWN_BITS + 2);
/** The delivery of held bytes or of a held FIN is scheduled. */
const DELIVERY_DUE = 1 << (OWN_BITS + 3);
/** Options that differ from the defaults: the getters return them after the loss. */
const DELAYS = 1 << (OWN_BITS + 4);
const KEEPS_ALIVE = 1 << (OWN_BITS + 5);
/** It is probed while it is paused. */
const NOTICES_RESETS = 1 << (OWN_BITS + 6);
const PROBED = PAUSED | NOTICES_RESETS;
/** TLS has begun, and what was received before was not all told yet: it was plaintext. */
const SECURING = 1 << (OWN_BITS + 7);
/** What was received before, and not told yet, belongs to TLS. */
const UNREADS = 1 << (OWN_BITS + 8);
/** Nothing was told yet: its first protocol is in makeConnection(). */
const BEGINNING = 1 << (OWN_BITS + 9);

/** Nothing is delivered now. */
const SILENT = PAUSED | HELD_BACK;

const NOTHING = new Uint8Array(0);

/** A handle that is never valid: the engine ignores calls with it. */
const VOID_HANDLE = -1;

/** The creator of connections. */
export interface ConnectionOwner {
  /** Whether it accepts connections; false: it makes them. */
  readonly accepts: boolean;
  connectionLost(connection: TcpConnection, reason: Failure): void;
  /** Call `f` after everything that runs now. */
  soon(f: () => void): void;
  /** Have each connection probed that is paused and notices resets: one of them has begun to be. */
  probeLater(): void;
  /** The loop of the reactor. */
  readonly loop: Loop;
}

export class TcpConnection extends SecurableTransport implements TLSTransport {
  /** The engine's handle; -1 after the loss. */
  handle: number;
  private readonly native: NativeEngine;
  readonly owner: ConnectionOwner;
  private readonly peer: Address;
  private readonly host: Address;
  /** Bytes that arrived while nothing was delivered. */
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

  /** Set the protocol, and call its makeConnection(). */
  begin(protocol: ProtocolLike): void {
    if (this.receiver === undefined) this.flags |= BEGINNING;
    this.giveTo(protocol);
    this.flags &= ~BORROWS;
    try {
      if (borrowsFrom(protocol)) this.flags |= BORROWS;
      const result: unknown = protocol.makeConnection(this);
      if (result !== undefined) watch(this, result);
    } catch (error) {
      this.fail(error);
      onRejection(protocol, (reason) => err(reason, BUILD_REJECTED)); // buildProtocol() was async by mistake
    }
    this.flags &= ~BEGINNING;
  }

  // --- for the engine's link -------------------------------------------------------------------------------------

  get borrows(): boolean {
    return (this.flags & BORROWS) !== 0;
  }

  get peerHasEnded(): boolean {
    return (this.flags & (PEER_ENDED | END_HELD)) !== 0;
  }

  /** @param lent the bytes are valid only until this returns */
  received(data: Buffer, lent: boolean): void {
    if ((this.flags & (DEAF | SILENT | DELIVERY_DUE | SECURING)) !== 0) {
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
    if ((this.flags & (SILENT | DELIVERY_DUE)) === 0) this.peerEnded();
    else this.flags = (this.flags & ~PEER_ENDED) | END_HELD; // it has not ended for the protocol until that is told
  }

  /** What TLS has to tell; 0: all that was received before it has been told. */
  filtered(events: number): void {
    if (events === 0) this.flags &= ~SECURING;
    else this.security?.told(this, events);
  }

  /** Have the kernel tell of a reset, if the connection is paused and wants to know. False: it does not. */
  probe(): boolean {
    if ((this.flags & (PROBED | LOST)) !== PROBED) return false;
    this.native.probe(this.handle);
    return true;
  }

  closed(errno: number, how: number): void {
    const secured = this.security?.lost(this, how === CloseReason.ERROR);
    const reason = this.reason ?? secured ?? closeReason(errno, how);
    this.handle = VOID_HANDLE;
    this.held = undefined;
    this.lost(reason);
    this.owner.connectionLost(this, reason);
  }

  // --- for protocols ---------------------------------------------------------------------------------------------

  /** @internal */
  [NOTICE_RESETS](): void {
    this.flags |= NOTICES_RESETS;
    if ((this.flags & PAUSED) !== 0) this.owner.probeLater();
  }

  get loop(): Loop {
    return this.owner.loop;
  }

  /** The event loop of its reactor. */
  get [LOOP](): Loop {
    return this.owner.loop;
  }

  write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    if (encoding !== undefined || callback !== undefined) {
      this.write(encoded(data, encoding, callback));
      return;
    }
    // The engine reads the bytes before it returns, and keeps no reference to them.
    const pending = this.native.write(this.handle, typeof data === "string" ? Buffer.from(data, "utf8") : data);
    if (pending > HIGH_WATER) this.markExceeded();
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
    if ((this.flags & NOTICES_RESETS) !== 0) this.owner.probeLater();
  }

  resumeProducing(): void {
    if ((this.flags & PAUSED) === 0 || (this.flags & DEAF) !== 0) return;
    this.flags &= ~PAUSED;
    this.readOn();
  }

  switchProtocol(next: ProtocolLike): void {
    ensureProtocol("switchProtocol(next)", next, "next");
    if ((this.flags & LOST) !== 0) return;
    this.begin(next);
    // The previous protocol was told of the peer's FIN, this one was not.
    if ((this.flags & PEER_ENDED) === 0) return;
    this.owner.soon(() => {
      if (this.receiver === next) this.readEnded();
    });
  }

  startTLS(contextFactory: ContextFactory, options: StartTLSOptions = {}): void {
    const call = "startTLS(contextFactory, options)";
    const { server = this.owner.accepts, received } = checkOptions<StartTLSOptions>(call, options, START_KINDS);
    const security = securityOf(call, contextFactory);
    if ((this.flags & (LOST | DEAF)) !== 0) return;
    // It would go on to receive plaintext, which the program would take for what came over TLS.
    if ((this.flags & HALF_CLOSING) !== 0)
      throw new Error("TLS cannot begin behind loseWriteConnection(): nothing can be sent.");
    if (this.security !== undefined) throw new Error("This connection has TLS already: startTLS() is called once.");
    security.check(this.native, server);
    const early = (this.held?.length ?? 0) + undeliveredIn(this.receiver!);
    if (early > 0 && received === undefined) {
      this.refusePlaintext(early);
      return;
    }
    // What came with the news of the connection was told to nobody: it cannot be plaintext that somebody has read.
    const unreads = received !== undefined || (this.flags & BEGINNING) !== 0;
    this.flags |= unreads ? SECURING | UNREADS : SECURING;
    this.security = security.begin(this.native, this, server);
    this.security.begun(this);
    if (received === undefined) return;
    this.security.unread(this, received);
    if (this.held !== undefined) this.security.unread(this, this.held.all());
    this.held = undefined;
  }

  setTcpNoDelay(on: boolean): void {
    check("setTcpNoDelay(on)", "on", on, flag);
    this.flags = on ? this.flags & ~DELAYS : this.flags | DELAYS;
    this.native.setOption(this.handle, SocketOption.NODELAY, on ? 1 : 0);
  }

  /** True by default: the writes of a tick are sent together anyway. */
  getTcpNoDelay(): boolean {
    return this.option(SocketOption.NODELAY, (this.flags & DELAYS) === 0);
  }

  setTcpKeepAlive(on: boolean): void {
    check("setTcpKeepAlive(on)", "on", on, flag);
    this.flags = on ? this.flags | KEEPS_ALIVE : this.flags & ~KEEPS_ALIVE;
    this.native.setOption(this.handle, SocketOption.KEEPALIVE, on ? 1 : 0);
  }

  getTcpKeepAlive(): boolean {
    return this.option(SocketOption.KEEPALIVE, (this.flags & KEEPS_ALIVE) !== 0);
  }

  // --- closing ---------------------------------------------------------------------------------------------------

  protected override stopReading(): void {
    this.held = undefined;
    // The engine itself stops reading when it closes.
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

  // --- back-pressure -------------------------------------------------------------------------------------------------

  override get [ACCEPTED](): boolean {
    return this.owner.accepts;
  }

  /** -1 once the handle is void. */
  get [QUEUED](): number {
    return this.native.write(this.handle, NOTHING);
  }

  protected override stillOverMark(): boolean {
    return this[QUEUED] > HIGH_WATER;
  }

  protected override holdReading(): void {
    this.native.pauseReading(this.handle);
  }

  protected override readOn(): void {
    if ((this.flags & (SILENT | DEAF | DELIVERY_DUE)) !== 0) return;
    if (this.held === undefined && (this.flags & END_HELD) === 0) {
      this.native.resumeReading(this.handle);
      return;
    }
    // Not from inside this call: dataReceived() is never re-entered.
    this.flags |= DELIVERY_DUE;
    this.owner.soon(() => this.deliverHeld());
  }

  // --- errors --------------------------------------------------------------------------------------------------------

  /** Abort this connection, and no other, because its protocol threw. */
  override fail(error: unknown): void {
    const name = this.receiver === undefined ? "A protocol" : nameOf(this.receiver);
    err(error, `${name} threw; its connection to ${this.peer} is closed`);
    this.end(new Failure(error));
  }

  /** Abort the connection for `reason`. */
  end(reason: Failure): void {
    if ((this.flags & LOST) !== 0) return;
    this.reason ??= reason;
    this.abortConnection();
  }

  /** Close for `reason` when everything is sent, without waiting for a producer. */
  loseConnectionFor(reason: Failure): void {
    if ((this.flags & LOST) !== 0) return;
    this.reason ??= reason;
    this.flags |= CLOSING | CLOSE_DUE;
    this.native.close(this.handle);
  }

  /** The socket's option, or what is remembered of it once the engine has closed the socket, which it tells later. */
  private option(option: number, remembered: boolean): boolean {
    const value = this.native.getOption(this.handle, option);
    return value < 0 ? remembered : value === 1;
  }

  private hold(data: Buffer, lent: boolean): void {
    if ((this.flags & DEAF) !== 0) return;
    if ((this.flags & SECURING) !== 0) {
      if ((this.flags & UNREADS) !== 0) this.security!.unread(this, data);
      else this.refusePlaintext(data.length);
      return;
    }
    if (this.held === undefined) this.held = new HeldBytes(lent ? new BufferView(data) : data);
    else this.held.add(data);
  }

  private refusePlaintext(bytes: number): void {
    this.end(new Failure(new PlaintextBeforeTLS(String(this.peer), bytes)));
  }

  private deliverHeld(): void {
    this.flags &= ~DELIVERY_DUE;
    if ((this.flags & (SILENT | DEAF)) !== 0) return;
    const held = this.held;
    this.held = undefined;
    if (held !== undefined) this.received(held.all(), false);
    if ((this.flags & (SILENT | DEAF)) !== 0) return;
    this.native.resumeReading(this.handle);
    if ((this.flags & END_HELD) !== 0) {
      this.flags &= ~END_HELD;
      this.readEnded();
    }
  }
}
