/**
 * A Node stream as a transport, to run a protocol over a tls.TLSSocket, an SSH channel, a pipe, …
 *
 * ```
 *   Duplex ── 'data' ──▶ dataReceived()     'end' ──▶ readConnectionLost()    'close' ──▶ connectionLost()
 *   write() ──▶ Duplex.write() ── false ──▶ pauses the producer until 'drain'
 * ```
 */
import type { Duplex } from "node:stream";
import { IPv4Address, literalAddress } from "../internet/address.ts";
import { address } from "../internet/arguments/addresses.ts";
import { check, checkOptions, type OptionKinds } from "../internet/arguments/check.ts";
import * as kinds from "../internet/arguments/kinds.ts";
import { ensureProtocol } from "../internet/arguments/transports.ts";
import { ensurePieces, ownBytes } from "../internet/arguments/writing.ts";
import { ConnectionAborted, ConnectionDone, ConnectionLost } from "../internet/error.ts";
import { Failure } from "../internet/failure.ts";
import type { Address, Bytes, ProtocolLike, Transport } from "../internet/interfaces.ts";
import { LOOP, type Loop } from "../internet/reactor/loop.ts";
import { onRejection } from "../internet/rejection.ts";
import {
  ABORTED,
  CLOSE_DUE,
  CLOSING,
  ClosingTransport,
  DEAF,
  HELD_BACK,
  LOST,
  PEER_ENDED,
  PRODUCER,
  STREAMING,
} from "../internet/stream/closing.ts";
import { ACCEPTED, QUEUED } from "../internet/stream/sendqueue.ts";
import { nameOf, read, shownMessageOf } from "../logger/describe.ts";
import { err } from "../logger/log.ts";

/** What a Duplex does not tell of its connection. */
export interface FromDuplexOptions {
  /** The result of getPeer(). Default: the stream's remoteAddress and remotePort, or 0.0.0.0 and port 0. */
  readonly peer?: Address;
  /** The result of getHost(). Default: the stream's localAddress and localPort, or 0.0.0.0 and port 0. */
  readonly host?: Address;
  /**
   * This side has accepted the connection: receivers deliver nothing and nothing is read while more waits to be sent than the
   * stream's high-water mark, as over every accepted connection. Default: false, since two sides that both wait may wait for
   * each other. The `backPressure` of a receiver overrules it.
   */
  readonly accepted?: boolean;
}

const FROM_DUPLEX = "fromDuplex(duplex, protocol, options)";
const DUPLEX = kinds.withMethods("a Duplex", "on", "write", "end", "pause", "resume", "destroy");
const OPTIONS: OptionKinds<FromDuplexOptions> = { peer: address, host: address, accepted: kinds.flag };

/** Check options. @returns a copy @throws TypeError */
export function ensureFromDuplexOptions(call: string, options: unknown): FromDuplexOptions {
  return checkOptions<FromDuplexOptions>(call, options, OPTIONS);
}

/**
 * Run `protocol` over a stream, which nothing else may use. Returns the transport.
 *
 * An 'error' of the stream, or a 'close' without an 'end', becomes a ConnectionLost, with the stream's error as its `cause`.
 * Written bytes are copied, because a stream keeps them.
 * @throws TypeError; then no listener was added to the stream
 */
export function fromDuplex(duplex: Duplex, protocol: ProtocolLike, options: FromDuplexOptions = {}): Transport {
  check(FROM_DUPLEX, "duplex", duplex, DUPLEX);
  ensureProtocol(FROM_DUPLEX, protocol);
  const transport = new DuplexTransport(duplex, ensureFromDuplexOptions(FROM_DUPLEX, options));
  transport.begin(protocol);
  return transport;
}

/** Members of net.Socket that a Duplex lacks. */
interface SocketParts {
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly encrypted?: boolean;
  setNoDelay?(on: boolean): unknown;
  setKeepAlive?(on: boolean): unknown;
  resetAndDestroy?(): unknown;
}

class DuplexTransport extends ClosingTransport implements Transport {
  readonly #duplex: Duplex & SocketParts;
  readonly #peer: Address;
  readonly #host: Address;
  readonly #accepted: boolean;
  #noDelay = true;
  #keepAlive = false;
  #error: Error | null = null;
  /** The protocol has paused reading. */
  #paused = false;
  /** The stream ended while nothing was delivered. */
  #endHeld = false;
  /** A call of drained() for the pull producer is scheduled. */
  #drainScheduled = false;

  constructor(duplex: Duplex, options: FromDuplexOptions) {
    super();
    this.#duplex = duplex;
    const { remoteAddress, remotePort, localAddress, localPort } = this.#duplex;
    this.#peer = options.peer ?? addressOf(remoteAddress, remotePort);
    this.#host = options.host ?? addressOf(localAddress, localPort);
    this.#accepted = options.accepted ?? false;
  }

  override get [ACCEPTED](): boolean {
    return this.#accepted;
  }

  /** The event loop of the connection below the stream, if there is one. */
  get [LOOP](): Loop | undefined {
    return (this.#duplex as { readonly [LOOP]?: Loop })[LOOP];
  }

  begin(protocol: ProtocolLike): void {
    const duplex = this.#duplex;
    duplex.on("error", (error) => {
      this.#error ??= error;
    });
    duplex.on("close", () => this.#closed());
    duplex.on("drain", () => this.drained());
    duplex.on("finish", () => this.#finished());
    duplex.on("end", () => this.#ended());
    this.switchProtocol(protocol);
    duplex.on("data", (data: Buffer) => this.#received(data));
    // These events are not emitted again.
    if (duplex.closed || duplex.destroyed) process.nextTick(() => this.#closed());
    else if (duplex.readableEnded) process.nextTick(() => this.#ended());
  }

  switchProtocol(next: ProtocolLike): void {
    ensureProtocol("switchProtocol(next)", next, "next");
    if ((this.flags & LOST) !== 0) return;
    this.giveTo(next);
    this.#call(() => next.makeConnection(this));
    if ((this.flags & PEER_ENDED) === 0) return;
    // The previous protocol was told of the peer's FIN, this one was not.
    process.nextTick(() => {
      if (this.receiver === next) this.peerEnded();
    });
  }

  // --- writing -----------------------------------------------------------------------------------------------------

  write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const bytes = ownBytes(data, encoding, callback);
    if (!this.#duplex.writable) return;
    if (!this.#duplex.write(bytes, this.#sent)) this.markExceeded();
  }

  writeSequence(pieces: Iterable<Bytes>): void {
    for (const piece of ensurePieces(pieces)) this.write(piece);
  }

  /** The stream can take more. A pull producer is called again in the next tick, as long as it can. */
  override drained(): void {
    super.drained();
    this.#scheduleDrain();
  }

  // --- reading -----------------------------------------------------------------------------------------------------

  pauseProducing(): void {
    this.#paused = true;
    this.#duplex.pause();
  }

  resumeProducing(): void {
    this.#paused = false;
    this.readOn();
  }

  get [QUEUED](): number {
    return this.#duplex.writableLength;
  }

  protected override stillOverMark(): boolean {
    return this.#duplex.writableNeedDrain;
  }

  protected override holdReading(): void {
    this.#duplex.pause();
  }

  protected override readOn(): void {
    if (this.#silent || (this.flags & DEAF) !== 0) return;
    this.#duplex.resume();
    if (this.#endHeld) process.nextTick(() => this.#ended());
  }

  get #silent(): boolean {
    return this.#paused || (this.flags & HELD_BACK) !== 0;
  }

  // --- about the connection ----------------------------------------------------------------------------------------

  getPeer(): Address {
    return this.#peer;
  }
  getHost(): Address {
    return this.#host;
  }
  setTcpNoDelay(on: boolean): void {
    check("setTcpNoDelay(on)", "on", on, kinds.flag);
    this.#noDelay = on;
    this.#duplex.setNoDelay?.(on);
  }
  /** The value that was set last; initially true. */
  getTcpNoDelay(): boolean {
    return this.#noDelay;
  }
  setTcpKeepAlive(on: boolean): void {
    check("setTcpKeepAlive(on)", "on", on, kinds.flag);
    this.#keepAlive = on;
    this.#duplex.setKeepAlive?.(on);
  }
  /** The value that was set last; initially false. */
  getTcpKeepAlive(): boolean {
    return this.#keepAlive;
  }

  // --- the stream's events -----------------------------------------------------------------------------------------

  #received(data: Buffer | string): void {
    if ((this.flags & DEAF) !== 0) return;
    const bytes = typeof data === "string" ? Buffer.from(data, this.#duplex.readableEncoding ?? "utf8") : data;
    this.#call(() => this.receiver?.dataReceived(bytes));
  }

  #ended(): void {
    // A stream that is paused in its last 'data' event still ends.
    this.#endHeld = this.#silent && (this.flags & DEAF) === 0;
    if (!this.#endHeld && (this.flags & PEER_ENDED) === 0) this.peerEnded();
  }

  #finished(): void {
    if ((this.flags & CLOSE_DUE) !== 0) {
      this.#duplex.destroy();
      return;
    }
    // A stream that has ended emits no 'drain'.
    this.tellWaiters();
    this.writeEnded();
  }

  #closed(): void {
    if ((this.flags & LOST) === 0) this.lost(this.reason ?? new Failure(this.#lossError()));
  }

  // --- how it closes -----------------------------------------------------------------------------------------------

  protected override stopReading(): void {
    // sendThenClose() and cut() discard what a closing stream still delivers.
    if ((this.flags & (ABORTED | CLOSE_DUE)) === 0) this.#duplex.pause();
  }

  protected override sendThenFin(): void {
    this.#duplex.end();
  }

  protected override sendThenClose(): void {
    const duplex = this.#duplex;
    // Some streams close only when everything was read. It is discarded.
    duplex.resume();
    // end() was called already: 'finish' will close.
    if (duplex.writableEnded && !duplex.writableFinished && !duplex.errored) return;
    if (!duplex.writable) duplex.destroy();
    else this.#endWhenSent();
  }

  protected override cut(): void {
    const duplex = this.#duplex;
    duplex.resume();
    // Only TCP has resets, and a TLS socket cannot send one.
    if (duplex.remotePort !== undefined && duplex.encrypted !== true && duplex.resetAndDestroy !== undefined) {
      duplex.resetAndDestroy();
    } else {
      duplex.destroy();
    }
  }

  protected override wantDrain(on: boolean): void {
    if (on) this.#scheduleDrain();
  }

  protected override fail(error: unknown): void {
    const name = this.receiver === undefined ? "A protocol" : nameOf(this.receiver);
    err(error, `${name} threw; its connection to ${this.#peer} is closed`);
    if ((this.flags & LOST) !== 0) return;
    this.reason ??= new Failure(error);
    this.abortConnection();
  }

  // --- internals ---------------------------------------------------------------------------------------------------

  /** Call a method of the protocol or the producer. An exception or a rejection ends the connection. */
  #call(f: () => unknown): void {
    try {
      const result = f();
      if (result !== undefined) onRejection(result, (error) => this.fail(error));
    } catch (error) {
      this.fail(error);
    }
  }

  #lossError(): Error {
    if ((this.flags & ABORTED) !== 0) return new ConnectionAborted();
    const cause = this.#error;
    if (cause === null && (this.flags & (CLOSING | PEER_ENDED)) !== 0) return new ConnectionDone();
    const code = read(cause, "code");
    const why = cause === null ? "the stream was closed before it ended" : shownMessageOf(cause);
    const lost = new ConnectionLost(
      `The connection to the other side was lost in a non-clean way: ${why}.`,
      typeof code === "string" ? code : "",
    );
    if (cause !== null) lost.cause = cause;
    return lost;
  }

  /** The callback of each write. While closing, it ends the stream when nothing is left to send. */
  readonly #sent = (): void => {
    if ((this.flags & CLOSE_DUE) !== 0) this.#endWhenSent();
  };

  #endWhenSent(): void {
    if (this.#duplex.writable && this.#duplex.writableLength === 0) this.#duplex.end();
  }

  #scheduleDrain(): void {
    const pulling = (this.flags & (PRODUCER | STREAMING)) === PRODUCER;
    if (!pulling || this.#drainScheduled || this.#duplex.writableNeedDrain) return;
    this.#drainScheduled = true;
    setImmediate(() => {
      this.#drainScheduled = false;
      if (!this.#duplex.writableNeedDrain) this.drained();
    });
  }
}

/** A Duplex that is no socket may have anything under these names. */
function addressOf(host: unknown, port: unknown = 0): Address {
  const known = typeof host === "string" && isPort(port) ? literalAddress(host, port) : undefined;
  return known ?? new IPv4Address("TCP", "0.0.0.0", 0);
}

function isPort(value: unknown): value is number {
  return kinds.port.typed(value) && kinds.port.inRange?.(value as never) !== false;
}
