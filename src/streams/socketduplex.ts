/**
 * A Duplex over a transport, with all that a net.Socket has.
 *
 * ```
 *   transport ── dataReceived ──▶ push() ── full ──▶ pauseProducing();   _read() ──▶ resumeProducing()
 *   _write() ──▶ transport.write() ── too much waits ──▶ the callback waits for resumeProducing()
 * ```
 */
import type { AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { ConnectionDone } from "../internet/error.ts";
import type { Address, PushProducer, Transport } from "../internet/interfaces.ts";
import { LOOP, type Loop, loopOf } from "../internet/reactor/loop.ts";
import { nodeError, nodeLoss, nodeRefusal } from "./nodeerror.ts";
import { compact } from "./pieces.ts";
import { budgetOf } from "./tickbudget.ts";

/** How a transport behaves as a Duplex. */
export interface DuplexOptions {
  /** False, the default, as in node:net: this side is ended when the peer has ended its own. */
  readonly allowHalfOpen?: boolean;
  /** Bytes that wait on each side before the other is held back. Default: Node's. */
  readonly highWaterMark?: number;
}

type Callback = (error?: Error | null) => void;

/** What can be ended before the connection is there. */
interface Attempt {
  cancel(): void;
}

interface Early {
  readonly pieces: Buffer[];
  readonly callback: Callback;
}

/** destroy() lets what was written leave for so long, in milliseconds. */
const LAST_BYTES_MS = 1000;

/** Made by {@link toDuplex}, {@link connectDuplex} and {@link duplexFactory}. */
export class SocketDuplex extends Duplex implements PushProducer {
  /** True until the connection is there. */
  connecting = false;
  /** Milliseconds of silence after which "timeout" is emitted; 0 for never. Set by setTimeout(). */
  timeout = 0;
  /** Bytes received. */
  bytesRead = 0;
  declare readonly allowHalfOpen: boolean;
  #transport: Transport | null = null;
  #attempt: Attempt | null = null;
  #gone = false;
  /** Those whose writes were called back: the others count in writableLength. */
  #bytesSent = 0;
  #idle: NodeJS.Timeout | undefined;
  /** Too much waits to be sent. */
  #congested = false;
  /** What is written before the connection is there. */
  #early: Early | null = null;
  /** The write under way, the end of our side that waits to be sent, and destroy() that waits for the loss. */
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

  // --- net.Socket's face -----------------------------------------------------------------------------------------

  /** @internal The loop of the connection, for who awaits what goes over this stream. */
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

  /** Bytes written, those that wait included. */
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

  setNoDelay(noDelay = true): this {
    this.#whenConnected((transport) => transport.setTcpNoDelay(noDelay));
    return this;
  }

  /** The delay before the first probe is the system's: a transport has no option for it. */
  setKeepAlive(enable = false, _initialDelay = 0): this {
    this.#whenConnected((transport) => transport.setTcpKeepAlive(enable));
    return this;
  }

  /** Emit "timeout" after so many milliseconds without traffic; 0 for never. The connection stays as it is. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (this.destroyed) return this;
    this.timeout = milliseconds;
    clearTimeout(this.#idle);
    this.#idle = undefined;
    if (milliseconds > 0) {
      this.#idle = setTimeout(() => this.#silent(), milliseconds);
      this.#idle.unref();
      if (callback !== undefined) this.once("timeout", callback);
    } else if (callback !== undefined) {
      this.removeListener("timeout", callback);
    }
    return this;
  }

  /** Does nothing: the reactor, not the connection, keeps the process alive. */
  ref(): this {
    return this;
  }
  /** Does nothing: the reactor, not the connection, keeps the process alive. */
  unref(): this {
    return this;
  }

  /**
   * For libraries that connect the socket they are given: where to is settled already, so the arguments do not matter,
   * but for a function at the end, which is added as a listener of "connect".
   */
  connect(...args: unknown[]): this {
    const listener = args.at(-1);
    if (typeof listener === "function") this.once("connect", listener as () => void);
    if (!this.connecting && !this.destroyed) process.nextTick(() => this.#emitConnect());
    return this;
  }

  /** Close once all is sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", this.destroy);
  }

  /** Close at once, so that a TCP peer sees a reset. */
  resetAndDestroy(): this {
    this.#resetting = true;
    return this.destroy();
  }

  // --- for the protocol ------------------------------------------------------------------------------------------

  /** @internal An attempt to connect has begun; `attempt` can end it. */
  begin(attempt: Attempt): void {
    if (this.#transport !== null) {
      // It was there at once; who waits for "connect" could not listen yet.
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

  /** @internal The connection is there. */
  attach(transport: Transport): void {
    if (this.destroyed) {
      transport.abortConnection();
      return;
    }
    this.#transport = transport;
    this.#peer = transport.getPeer();
    this.#host = transport.getHost();
    // Whoever had the connection before may have left it a producer, or paused it.
    transport.unregisterProducer();
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
    if (!(reason instanceof ConnectionDone)) {
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

  // --- the stream's inside ---------------------------------------------------------------------------------------

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
    this.#settleWrite(error ?? nodeError("write", "ECANCELED", "The stream was destroyed before this was written."));
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
    transport.unregisterProducer();
    if (cut) transport.abortConnection();
    else transport.loseConnection();
    const late = setTimeout(() => transport.abortConnection(), LAST_BYTES_MS);
    late.unref();
    this.#closing = () => {
      clearTimeout(late);
      finish();
    };
  }

  #send(pieces: Buffer[], callback: Callback): void {
    const transport = this.#transport;
    if (transport === null) {
      this.#early = { pieces, callback };
      return;
    }
    if (this.#gone) {
      callback(nodeError("write", "EPIPE", "The connection was lost before this was written."));
      return;
    }
    this.#active();
    transport.writeSequence(pieces);
    this.#writing = callback;
    for (const piece of pieces) this.#writingBytes += piece.length;
    if (this.#congested) return;
    const budget = budgetOf(transport);
    if (budget.spend(this.#writingBytes, pieces.length)) {
      this.#settleWrite();
      return;
    }
    const settle = (): void => {
      // Else the stream was destroyed meanwhile.
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

  #silent(): void {
    if (!this.destroyed) this.emit("timeout");
  }
}

function familyOf(address: Address | null): "IPv4" | "IPv6" | undefined {
  if (address === null) return undefined;
  return "scopeID" in address ? "IPv6" : "IPv4";
}
