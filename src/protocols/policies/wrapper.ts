/**
 * A wrapper sits between a transport and its protocol, and acts as the other side to each of them:
 *
 *     transport ──── ProtocolWrapper ──── the wrapped protocol
 *               ◀─ its protocol │ its transport ─▶
 *
 * By default it forwards everything. A policy overrides what it observes or delays.
 */

import { check } from "../../internet/arguments/check.ts";
import { has } from "../../internet/arguments/described.ts";
import { ensureFactory } from "../../internet/arguments/factories.ts";
import { withMethods } from "../../internet/arguments/kinds.ts";
import { ensureProtocol } from "../../internet/arguments/transports.ts";
import { encodedOr, ensurePieces } from "../../internet/arguments/writing.ts";
import type { Failure } from "../../internet/failure.ts";
import type {
  Address,
  Bytes,
  ClientFactoryLike,
  Connector,
  HalfCloseableProtocol,
  ProtocolLike,
  PullProducer,
  PushProducer,
  ServerFactoryLike,
  Transport,
} from "../../internet/interfaces.ts";
import { ClientFactory, type Factory, type ProtocolFactory } from "../../internet/protocol.ts";
import { LOOP, type Loop, loopOf } from "../../internet/reactor/loop.ts";
import { borrowsFrom } from "../../internet/stream/borrowing.ts";
import { NOTICE_RESETS, noticeResets } from "../../internet/stream/resets.ts";
import {
  ACCEPTED,
  AWAIT_DRAIN,
  type DrainWaiter,
  OVER_MARK,
  QUEUED,
  queuedIn,
  type SendQueue,
  sendQueueOf,
  TAKEN_OVER,
  tellTakenOver,
  UNDELIVERED,
  undeliveredIn,
} from "../../internet/stream/sendqueue.ts";
import { SOCKET_HOST, socketHostOf } from "../../internet/stream/sockethost.ts";
import { classNameOf, nameOf } from "../../logger/describe.ts";
import { HOLD_PLACE, holdPlace, type PlaceHolder } from "./place.ts";
import { SecuringWrapper } from "./securing.ts";

/** A factory that keeps track of which of its wrappers are connected. */
export interface WrapperKeeper extends Factory {
  /** `wrapper` is connected. */
  registerProtocol(wrapper: ProtocolWrapper): void;
  /** `wrapper`'s connection is lost, and so is what was connected in its peer's name: a relay's connection to its target. */
  unregisterProtocol(wrapper: ProtocolWrapper): void;
}

const KEEPER = withMethods("a factory of wrappers", "registerProtocol", "unregisterProtocol");

/** Forwards everything in both directions. It is the transport of the wrapped protocol. */
export class ProtocolWrapper<P extends ProtocolLike = ProtocolLike>
  extends SecuringWrapper
  implements Transport, SendQueue, PlaceHolder
{
  declare factory: WrapperKeeper;
  /** The wrapped protocol; another one after its switchProtocol(). */
  override wrappedProtocol: P;
  #lost = false;
  /** How many hold its place beside the connection. */
  #holders = 0;

  /** @throws TypeError unless the arguments are a factory of wrappers and a protocol */
  constructor(factory: WrapperKeeper, wrappedProtocol: P) {
    super();
    // One of these is made for each connection: the message is composed only for an error.
    if (!has(factory, "registerProtocol") || !has(wrappedProtocol, "makeConnection")) {
      const call = `new ${new.target.name}(factory, wrappedProtocol)`;
      check(call, "factory", factory, KEEPER);
      ensureProtocol(call, wrappedProtocol, "wrappedProtocol");
    }
    this.factory = factory;
    this.wrappedProtocol = wrappedProtocol;
  }

  /** Whether dataReceived() borrows its bytes, as the wrapped protocol declares. */
  get borrows(): boolean {
    return borrowsFrom(this.wrappedProtocol);
  }

  override logPrefix(): string {
    return wrappedLogPrefix(this, this.wrappedProtocol);
  }

  // Each returns the result of the wrapped protocol's method, which may be a promise that the reactor watches.

  override makeConnection(transport: Transport): unknown {
    // Called again after switchProtocol().
    if (!this.connected) {
      super.makeConnection(transport);
      this.factory.registerProtocol(this);
    }
    return this.wrappedProtocol.makeConnection(this);
  }

  override dataReceived(data: Buffer): unknown {
    return this.wrappedProtocol.dataReceived(data);
  }

  override connectionLost(reason: Failure): unknown {
    this.#lost = true;
    if (this.#holders === 0) this.factory.unregisterProtocol(this);
    return this.wrappedProtocol.connectionLost(reason);
  }

  /** Defined if the wrapped protocol has it: without it, the transport closes at the peer's FIN. */
  get readConnectionLost(): (() => unknown) | undefined {
    return typeof half(this.wrappedProtocol).readConnectionLost === "function" ? relayReadConnectionLost : undefined;
  }

  /** Defined if the wrapped protocol has it. */
  get writeConnectionLost(): (() => unknown) | undefined {
    return typeof half(this.wrappedProtocol).writeConnectionLost === "function" ? relayWriteConnectionLost : undefined;
  }

  /** @internal */
  get [UNDELIVERED](): number {
    return undeliveredIn(this.wrappedProtocol);
  }

  /** @internal The wrapped protocol has the connection no longer. */
  [TAKEN_OVER](): void {
    tellTakenOver(this.wrappedProtocol);
  }

  // --- the transport of the wrapped protocol -------------------------------------------------------------------------

  get disconnecting(): boolean {
    return this.transport.disconnecting;
  }

  get [LOOP](): Loop {
    return loopOf(this.transport);
  }

  /** @internal */
  get [SOCKET_HOST](): Address {
    return socketHostOf(this.transport);
  }

  /** @internal */
  get [OVER_MARK](): boolean {
    return sendQueueOf(this.transport)[OVER_MARK] === true;
  }

  /** @internal */
  get [ACCEPTED](): boolean {
    return sendQueueOf(this.transport)[ACCEPTED] === true;
  }

  /** @internal */
  get [QUEUED](): number {
    return queuedIn(this.transport);
  }

  /** @internal */
  [AWAIT_DRAIN](waiter: DrainWaiter): boolean {
    return sendQueueOf(this.transport)[AWAIT_DRAIN]?.(waiter) === true;
  }

  /** @internal */
  [NOTICE_RESETS](): void {
    noticeResets(this.transport);
  }

  /** @internal */
  [HOLD_PLACE](): () => void {
    const letGo = holdPlace(this.transport);
    let holds = true;
    this.#holders++;
    return () => {
      if (!holds) return;
      holds = false;
      this.#holders--;
      if (this.#lost && this.#holders === 0) this.factory.unregisterProtocol(this);
      letGo();
    };
  }

  /** An override must handle a string with an encoding as well: see {@link encodedOr}. */
  write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    this.transport.write(encodedOr(data, encoding, callback));
  }

  /** Each piece goes through write(), so a policy overrides only that. */
  writeSequence(pieces: Iterable<Bytes>): void {
    for (const piece of ensurePieces(pieces)) this.write(piece);
  }

  loseConnection(): void {
    this.transport.loseConnection();
  }

  abortConnection(): void {
    this.transport.abortConnection();
  }

  loseWriteConnection(): void {
    this.transport.loseWriteConnection();
  }

  getPeer(): Address {
    return this.transport.getPeer();
  }

  getHost(): Address {
    return this.transport.getHost();
  }

  setTcpNoDelay(on: boolean): void {
    this.transport.setTcpNoDelay(on);
  }

  getTcpNoDelay(): boolean {
    return this.transport.getTcpNoDelay();
  }

  setTcpKeepAlive(on: boolean): void {
    this.transport.setTcpKeepAlive(on);
  }

  getTcpKeepAlive(): boolean {
    return this.transport.getTcpKeepAlive();
  }

  registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    this.transport.registerProducer(producer as PushProducer, streaming as true);
  }

  unregisterProducer(): void {
    this.transport.unregisterProducer();
  }

  pauseProducing(): void {
    this.transport.pauseProducing();
  }

  resumeProducing(): void {
    this.transport.resumeProducing();
  }

  stopProducing(): void {
    this.loseConnection();
  }

  /** Replace the wrapped protocol by `next`. The policy remains in force. */
  switchProtocol(next: ProtocolLike): void {
    ensureProtocol("switchProtocol(next)", next, "next");
    if (this.#lost) return;
    if ((this.wrappedProtocol as ProtocolLike) !== next) this[TAKEN_OVER]();
    this.wrappedProtocol = next as P;
    // Calls makeConnection() again, which connects `next`, and makes the transport read `borrows` again.
    this.transport.switchProtocol(this);
  }
}

function half(protocol: ProtocolLike): Partial<HalfCloseableProtocol> {
  return protocol;
}

function relayReadConnectionLost(this: ProtocolWrapper): unknown {
  return half(this.wrappedProtocol).readConnectionLost?.();
}

function relayWriteConnectionLost(this: ProtocolWrapper): unknown {
  return half(this.wrappedProtocol).writeConnectionLost?.();
}

/** A factory that can be wrapped: it builds protocols, and may have the methods of a ClientFactory. */
export type WrappableFactory<P extends ProtocolLike> = ProtocolFactory<P> &
  Partial<Omit<ClientFactoryLike, keyof ServerFactoryLike>>;

/**
 * Wraps each protocol that another factory builds, and keeps track of the connected ones. A subclass with its own class of
 * wrappers overrides wrapProtocol().
 */
export class WrappingFactory<
  P extends ProtocolLike = ProtocolLike,
  W extends ProtocolWrapper<P> = ProtocolWrapper<P>,
> extends ClientFactory<W> {
  readonly wrappedFactory: WrappableFactory<P>;
  /** The connected wrappers, and those that are lost and whose relay still has its target. */
  readonly protocols: Set<W> = new Set();

  constructor(wrappedFactory: WrappableFactory<P>) {
    ensureFactory(`new ${new.target.name}(wrappedFactory)`, wrappedFactory);
    super();
    this.wrappedFactory = wrappedFactory;
  }

  override logPrefix(): string {
    return wrappedLogPrefix(this, this.wrappedFactory);
  }

  override doStart(): void {
    this.wrappedFactory.doStart();
    super.doStart();
  }

  override doStop(): void {
    this.wrappedFactory.doStop();
    super.doStop();
  }

  override startedConnecting(connector: Connector): void {
    this.wrappedFactory.startedConnecting?.(connector);
  }

  override clientConnectionFailed(connector: Connector, reason: Failure): void {
    this.wrappedFactory.clientConnectionFailed?.(connector, reason);
  }

  override clientConnectionLost(connector: Connector, reason: Failure): void {
    this.wrappedFactory.clientConnectionLost?.(connector, reason);
  }

  /** The wrapped factory's protocol in its wrapper, or null when that factory builds none. */
  override buildProtocol(addr: Address): W | null {
    const built = this.wrappedFactory.buildProtocol(addr);
    return built === null || built === undefined ? null : this.wrapProtocol(built, addr);
  }

  /** The wrapper for a protocol. A subclass that names its own class of wrappers must override this. */
  wrapProtocol(wrapped: P, _addr: Address): W {
    return new ProtocolWrapper(this, wrapped) as W;
  }

  /** A wrapper of this factory is connected. */
  registerProtocol(wrapper: W): void {
    this.protocols.add(wrapper);
  }

  /** A wrapper's connection is lost, and so is what was connected in its peer's name. */
  unregisterProtocol(wrapper: W): void {
    this.protocols.delete(wrapper);
  }
}

/** `wrapped (Wrapper)`. */
function wrappedLogPrefix(wrapper: object, wrapped: object): string {
  return `${nameOf(wrapped)} (${classNameOf(wrapper)})`;
}
