/**
 * A Duplex over a transport, with the API of net.Socket.
 *
 * ```
 *   transport ── dataReceived ──▶ push() ── false ──▶ pauseProducing();   _read() ──▶ resumeProducing()
 *   _write() ──▶ transport.write() ── pauseProducing() ──▶ its callback is delayed until resumeProducing()
 * ```
 */
import type { AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { lengthOf } from "../internet/bytes.ts";
import { ConnectionDone } from "../internet/error.ts";
import type { Address, PushProducer, Transport } from "../internet/interfaces.ts";
import { LOOP, type Loop, loopOf } from "../internet/reactor/loop.ts";
import { isInstance } from "../logger/describe.ts";
import { type DuplexOptions, idleTime } from "./duplexoptions.ts";
import { nodeError, nodeLoss, nodeRefusal } from "./nodeerror.ts";
import { compact } from "./pieces.ts";
import { budgetOf } from "./tickbudget.ts";
import { takeFromProducer } from "./write.ts";

type Callback = (error?: Error | null) => void;

/** A connection attempt. */
interface Attempt {
  cancel(): void;
}

/** A write before the connection is made. */
interface Early {
  readonly pieces: Buffer[];
  readonly callback: Callback;
}

/** After destroy(), milliseconds to send what was written before. */
const FLUSH_MS = 1000;

/** Made by {@link toDuplex}, {@link connectDuplex} and {@link duplexFactory}. */
export class SocketDuplex extends Duplex implements PushProducer {
  /** True while it connects. */
  connecting = false;
  /** Idle milliseconds until "timeout" is emitted; 0: never. Set by setTimeout(). */
  timeout = 0;
  /** Bytes received. */
  bytesRead = 0;
  declare readonly allowHalfOpen: boolean;
  #transport: Transport | null = null;
  #attempt: Attempt | null = null;
  /** The connection is lost. */
  #gone = false;
  /** Bytes of completed writes; the others count in writableLength. */
  #bytesSent = 0;
  #idle: NodeJS.Timeout | undefined;
  /** The transport is above its high-water mark. */
  #congested = false;
  #early: Early | null = null;
  /** The callbacks of the write in progress, of the half-close in progress, and of a destroy() until the connection is lost. */
  #writing: Callback | null = null;
  #writingBytes = 0;
  #ending: Callback | null = null;
  #closing: (() => void) | null = null;
  #resetting = false;
  #peer: Address | null = null;
  #host: Address | null = null;

  constructor(options: DuplexOptions = {}) {
    super({ allowHalfOpen: false, ...options, emitClose: false, autoDestroy: true, decodeStrings: true });
  }

  // --- the API of net.Socket -------------------------------------------------------------------------------------

  /** @internal The event loop of the connection. */
  get [LOOP](): Loop | undefined {
    return this.#transport === null ? undefined : loopOf(this.#transport);
  }

  get pending(): boolean {
    return this.#transport === null;
  }

  get readyState(): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
    if (this.connecting) return "opening";
    if (this.readable && this.writable) return "open";
    if (this.readable) return "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** Bytes written, including buffered ones. */
  get bytesWritten(): number {
    return this.#bytesSent + this.writableLength;
  }

  /** @deprecated in Node: the same as writableLength. */
  get bufferSize(): number {
    return this.writableLength;
  }

  get remoteAddress(): string | undefined {
    return this.#peer?.host;
  }
  get remotePort(): number | undefined {
    return this.#peer?.port;
  }
  get remoteFamily(): "IPv4" | "IPv6" | undefined {
    return familyOf(this.#peer);
  }
  get localAddress(): string | undefined {
    return this.#host?.host;
  }
  get localPort(): number | undefined {
    return this.#host?.port;
  }
  get localFamily(): "IPv4" | "IPv6" | undefined {
    return familyOf(this.#host);
  }

  address(): AddressInfo | Record<string, never> {
    const host = this.#host;
    if (host === null) return {};
    return { address: host.host, family: familyOf(host)!, port: host.port };
  }

  /** Like net.Socket's, it accepts any value as a boolean. */
  setNoDelay(noDelay = true): this {
    this.#whenConnected((transport) => transport.setTcpNoDelay(Boolean(noDelay)));
    return this;
  }

  /**
   * Like net.Socket's, it accepts any value as a boolean. The initial delay is ignored: a transport has no such option, so
   * that the system's default applies.
   */
  setKeepAlive(enable = false, _initialDelay = 0): this {
    this.#whenConnected((transport) => transport.setTcpKeepAlive(Boolean(enable)));
    return this;
  }

  /**
   * Emit "timeout" after this many milliseconds without traffic; 0: never. The connection remains open.
   * @throws TypeError | RangeError
   */
  setTimeout(milliseconds: number, callback?: () => void): this {
    const timeout = idleTime(milliseconds, callback);
    if (this.destroyed) return this;
    this.timeout = timeout;
    clearTimeout(this.#idle);
    this.#idle = undefined;
    if (timeout > 0) {
      this.#idle = setTimeout(() => !this.destroyed && this.emit("timeout"), timeout);
      this.#idle.unref();
      if (callback !== undefined) this.once("timeout", callback);
    } else if (callback !== undefined) {
      this.removeListener("timeout", callback);
    }
    return this;
  }

  /** No effect: the reactor, not the connection, keeps the process alive. */
  ref(): this {
    return this;
  }
  /** No effect: the reactor, not the connection, keeps the process alive. */
  unref(): this {
    return this;
  }

  /**
   * For libraries that call connect() of the socket that they get. The destination is fixed, so the arguments are ignored,
   * except for a function as the last one, which is added as a listener of "connect".
   */
  connect(...args: unknown[]): this {
    const listener = args.at(-1);
    if (typeof listener === "function") this.once("connect", listener as () => void);
    if (!this.connecting && !this.destroyed) process.nextTick(() => this.#emitConnect());
    return this;
  }

  /** Close when everything is sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", this.destroy);
  }

  /** Close at once; a TCP peer sees a reset. */
  resetAndDestroy(): this {
    this.#resetting = true;
    return this.destroy();
  }

  // --- for the protocol ------------------------------------------------------------------------------------------

  /** @internal An attempt to connect has started; `attempt` can cancel it. */
  begin(attempt: Attempt): void {
    if (this.#transport !== null) {
      // Already connected: emit "connect" in the next tick, since nobody can have added a listener yet.
      this.connect();
      return;
    }
    this.connecting = true;
    this.#attempt = attempt;
  }

  /** @internal The attempt has failed. */
  refused(reason: unknown): void {
    this.#attempt = null;
    this.destroy(nodeRefusal(reason));
  }

  /** @internal The connection is made. */
  attach(transport: Transport): void {
    if (this.destroyed) {
      transport.abortConnection();
      return;
    }
    this.#transport = transport;
    this.#peer = transport.getPeer();
    this.#host = transport.getHost();
    // The previous protocol may have left a producer, or paused reading.
    takeFromProducer(transport);
    transport.registerProducer(this, true);
    transport.resumeProducing();
    if (this.connecting) {
      this.connecting = false;
      this.#attempt = null;
      this.#emitConnect();
    }
    const early = this.#early;
    this.#early = null;
    if (early !== null) this.#send(early.pieces, early.callback);
    if (this.#ending !== null) transport.loseWriteConnection();
  }

  /** @internal */
  received(data: Buffer): void {
    this.#active();
    this.bytesRead += data.length;
    if (!this.push(compact(data))) this.#transport!.pauseProducing();
  }

  /** @internal */
  readEnded(): void {
    this.#active();
    this.push(null);
  }

  /** @internal */
  writeEnded(): void {
    const ending = this.#ending;
    this.#ending = null;
    ending?.();
  }

  /** @internal */
  lost(reason: unknown): void {
    this.#gone = true;
    const closing = this.#closing;
    if (closing !== null) {
      this.#closing = null;
      closing();
      return;
    }
    if (!isInstance(reason, ConnectionDone)) {
      this.destroy(nodeLoss(reason));
      return;
    }
    this.push(null);
    this.#settleWrite(nodeError("write", "EPIPE", reason));
    this.writeEnded();
  }

  // --- the transport's producer ----------------------------------------------------------------------------------

  /** @internal */
  pauseProducing(): void {
    this.#congested = true;
  }
  /** @internal */
  resumeProducing(): void {
    this.#congested = false;
    this.#active();
    this.#settleWrite();
  }
  /** @internal */
  stopProducing(): void {}

  // --- implementation of Duplex ----------------------------------------------------------------------------------

  override _read(): void {
    this.#transport?.resumeProducing();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#send([chunk], callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: Callback): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  override _final(callback: Callback): void {
    if (this.#gone) {
      callback();
      return;
    }
    this.#ending = callback;
    this.#transport?.loseWriteConnection();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    clearTimeout(this.#idle);
    this.connecting = false;
    this.#settleWrite(
      error ?? nodeError("write", "ECANCELED", "The stream was destroyed before the bytes were written."),
    );
    const finish = () => {
      callback(error);
      process.nextTick(() => this.emit("close", error !== null));
    };
    this.#attempt?.cancel();
    const transport = this.#transport;
    if (transport === null || this.#gone) {
      finish();
      return;
    }
    const cut = this.#resetting || this.#congested;
    const late = setTimeout(() => transport.abortConnection(), FLUSH_MS);
    late.unref();
    // Before the close: a transport in memory may be lost inside it.
    this.#closing = () => {
      clearTimeout(late);
      finish();
    };
    transport.unregisterProducer();
    if (cut) transport.abortConnection();
    else transport.loseConnection();
  }

  #send(pieces: Buffer[], callback: Callback): void {
    const transport = this.#transport;
    if (transport === null) {
      this.#early = { pieces, callback };
      return;
    }
    if (this.#gone) {
      callback(nodeError("write", "EPIPE", "The connection was lost before the bytes were written."));
      return;
    }
    this.#active();
    transport.writeSequence(pieces);
    this.#writing = callback;
    for (const piece of pieces) this.#writingBytes += lengthOf(piece);
    if (this.#congested) return;
    const budget = budgetOf(transport);
    if (budget.spend(this.#writingBytes, pieces.length)) {
      this.#settleWrite();
      return;
    }
    const settle = (): void => {
      // Unless the stream was destroyed in the meantime.
      if (this.#writing === callback) this.#settleWrite();
    };
    budget.wait(this.#writingBytes, settle, pieces.length);
  }

  #settleWrite(error?: Error): void {
    const callback = this.#writing ?? this.#early?.callback;
    this.#writing = null;
    this.#early = null;
    this.#bytesSent += this.#writingBytes;
    this.#writingBytes = 0;
    callback?.(error);
  }

  #whenConnected(act: (transport: Transport) => void): void {
    if (this.#transport !== null) act(this.#transport);
    else this.once("connect", () => act(this.#transport!));
  }

  #emitConnect(): void {
    if (this.destroyed) return;
    this.emit("connect");
    this.emit("ready");
  }

  #active(): void {
    this.#idle?.refresh();
  }
}

function familyOf(address: Address | null): "IPv4" | "IPv6" | undefined {
  if (address === null) return undefined;
  return "scopeID" in address ? "IPv6" : "IPv4";
}
