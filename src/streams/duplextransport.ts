/**
 * A Node stream as a transport, so that a protocol runs over a tls.TLSSocket, a channel of SSH, a pipe, …
 *
 * ```
 *   Duplex ── 'data' ──▶ dataReceived()     'end' ──▶ readConnectionLost()    'close' ──▶ connectionLost()
 *   write() ──▶ Duplex.write() ── false ──▶ the producer pauses until 'drain'
 * ```
 */
import type { Duplex } from "node:stream";
import { IPv4Address, literalAddress } from "../internet/address.ts";
import { ConnectionAborted, ConnectionDone, ConnectionLost } from "../internet/error.ts";
import { Failure } from "../internet/failure.ts";
import type {
  Address,
  Bytes,
  HalfCloseableProtocol,
  Producer,
  ProtocolLike,
  PullProducer,
  PushProducer,
  Transport,
} from "../internet/interfaces.ts";
import { callAndLog, logRejection, onRejection } from "../internet/rejection.ts";
import { nameOf } from "../logger/describe.ts";
import { err } from "../logger/log.ts";

/** How a Duplex behaves as a transport. */
export interface FromDuplexOptions {
  /** What getPeer() answers. Default: the stream's remoteAddress and remotePort, or 0.0.0.0 and port 0. */
  readonly peer?: Address;
  /** What getHost() answers. Default: the stream's localAddress and localPort, or 0.0.0.0 and port 0. */
  readonly host?: Address;
}

/**
 * Run `protocol` over a stream, which must not be used by anyone else. Returns the transport.
 *
 * An 'error' of the stream, or a 'close' without an end, is ConnectionLost; the stream's own error is its `cause`.
 * What is written is copied, since a stream keeps it.
 */
export function fromDuplex(duplex: Duplex, protocol: ProtocolLike, options?: FromDuplexOptions): Transport {
  const transport = new DuplexTransport(duplex, options);
  transport.begin(protocol);
  return transport;
}

/** What a net.Socket has beyond a Duplex. */
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

class DuplexTransport implements Transport {
  disconnecting = false;
  readonly #duplex: Duplex & SocketParts;
  readonly #peer: Address;
  readonly #host: Address;
  #protocol: ProtocolLike | null = null;
  #producer: Producer | null = null;
  #streaming = false;
  #producerPaused = false;
  #noDelay = true;
  #keepAlive = false;
  #readEnded = false;
  #writeEnded = false;
  #aborted = false;
  #lost = false;
  #error: Error | null = null;
  /** Why the connection ends, when its protocol threw. */
  #reason: Failure | null = null;

  constructor(duplex: Duplex, options: FromDuplexOptions = {}) {
    this.#duplex = duplex;
    const { remoteAddress, remotePort, localAddress, localPort } = this.#duplex;
    this.#peer = options.peer ?? addressOf(remoteAddress, remotePort);
    this.#host = options.host ?? addressOf(localAddress, localPort);
  }

  begin(protocol: ProtocolLike): void {
    const duplex = this.#duplex;
    duplex.on("error", (error) => {
      this.#error ??= error;
    });
    duplex.on("close", () => this.#closed());
    duplex.on("drain", () => this.#drained());
    duplex.on("finish", () => this.#finished());
    duplex.on("end", () => this.#ended());
    this.switchProtocol(protocol);
    duplex.on("data", (data: Buffer) => this.#received(data));
    // Events that have been are not repeated.
    if (duplex.closed || duplex.destroyed) process.nextTick(() => this.#closed());
    else if (duplex.readableEnded) process.nextTick(() => this.#ended());
  }

  switchProtocol(next: ProtocolLike): void {
    if (this.#lost) return;
    this.#protocol = next;
    this.#call(() => next.makeConnection(this));
    if (!this.#readEnded) return;
    // The protocol before knows of the peer's end, this one does not.
    process.nextTick(() => {
      if (this.#protocol === next) this.#tellEnd();
    });
  }

  // --- writing -----------------------------------------------------------------------------------------------------

  write(data: Bytes): void {
    if (this.disconnecting || this.#lost || !this.#duplex.writable) return;
    if (!this.#duplex.write(Buffer.from(data as string))) this.#pauseProducer();
  }

  writeSequence(pieces: Iterable<Bytes>): void {
    for (const piece of pieces) this.write(piece);
  }

  loseConnection(): void {
    if (this.disconnecting || this.#lost) return;
    this.disconnecting = true;
    if (this.#closeWaitsForProducer()) this.#duplex.pause();
    else this.#close();
  }

  abortConnection(): void {
    if (this.#aborted || this.#lost) return;
    this.#aborted = true;
    this.disconnecting = true;
    const duplex = this.#duplex;
    duplex.resume();
    // Only TCP has resets, and a socket with TLS cannot send one.
    if (duplex.remotePort !== undefined && duplex.encrypted !== true && duplex.resetAndDestroy !== undefined) {
      duplex.resetAndDestroy();
    } else {
      duplex.destroy();
    }
  }

  loseWriteConnection(): void {
    if (!this.disconnecting && !this.#lost) this.#duplex.end();
  }

  registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    if (this.#producer !== null) {
      throw new Error("A producer is registered with this transport already: unregisterProducer() it first.");
    }
    if (this.#aborted || this.#lost) {
      producer.stopProducing();
      return;
    }
    this.#producer = producer;
    this.#streaming = streaming;
    this.#producerPaused = false;
    if (!streaming) this.#pull();
  }

  unregisterProducer(): void {
    if (this.#producer === null) return;
    this.#producer = null;
    if (this.disconnecting && !this.#aborted) this.#close();
  }

  // --- reading -----------------------------------------------------------------------------------------------------

  pauseProducing(): void {
    this.#duplex.pause();
  }

  resumeProducing(): void {
    if (!this.disconnecting && !this.#lost) this.#duplex.resume();
  }

  stopProducing(): void {
    this.loseConnection();
  }

  // --- about the connection ----------------------------------------------------------------------------------------

  getPeer(): Address {
    return this.#peer;
  }
  getHost(): Address {
    return this.#host;
  }
  setTcpNoDelay(on: boolean): void {
    this.#noDelay = on;
    this.#duplex.setNoDelay?.(on);
  }
  /** What was set last; true before. */
  getTcpNoDelay(): boolean {
    return this.#noDelay;
  }
  setTcpKeepAlive(on: boolean): void {
    this.#keepAlive = on;
    this.#duplex.setKeepAlive?.(on);
  }
  /** What was set last; false before. */
  getTcpKeepAlive(): boolean {
    return this.#keepAlive;
  }

  // --- the stream's events -----------------------------------------------------------------------------------------

  #received(data: Buffer | string): void {
    if (this.disconnecting || this.#lost) return;
    const bytes = typeof data === "string" ? Buffer.from(data, this.#duplex.readableEncoding ?? "utf8") : data;
    this.#call(() => this.#protocol?.dataReceived(bytes));
  }

  #ended(): void {
    if (this.#readEnded) return;
    this.#readEnded = true;
    this.#tellEnd();
  }

  #tellEnd(): void {
    if (this.disconnecting || this.#lost) return;
    const protocol = this.#protocol as Partial<HalfCloseableProtocol>;
    this.#call(() => {
      if (typeof protocol.readConnectionLost === "function") return protocol.readConnectionLost();
      this.loseConnection();
      return undefined;
    });
    if (this.#writeEnded) this.loseConnection();
  }

  #finished(): void {
    this.#writeEnded = true;
    if (this.disconnecting) {
      this.#duplex.destroy();
      return;
    }
    const protocol = this.#protocol as Partial<HalfCloseableProtocol>;
    this.#call(() => protocol.writeConnectionLost?.());
    if (this.#readEnded) this.loseConnection();
  }

  #drained(): void {
    if (this.#producer === null || this.#aborted || this.#lost) return;
    if (!this.#streaming) {
      this.#pull();
    } else if (this.#producerPaused) {
      this.#producerPaused = false;
      this.#call(() => (this.#producer as PushProducer).resumeProducing());
    }
  }

  #closed(): void {
    if (this.#lost) return;
    const reason = this.#reason ?? new Failure(this.#lossError());
    this.#lost = true;
    const producer = this.#producer;
    const protocol = this.#protocol;
    this.#producer = null;
    this.#protocol = null;
    try {
      logRejection(producer?.stopProducing(), "A producer threw in stopProducing()");
    } catch (error) {
      err(error, "A producer threw in stopProducing()");
    }
    callAndLog(
      () => protocol?.connectionLost(reason),
      () => `${nameOf(protocol)} threw in connectionLost()`,
    );
  }

  // --- inside ------------------------------------------------------------------------------------------------------

  /** Call into the protocol or the producer: what it throws, or what its promise rejects with, ends this connection. */
  #call(f: () => unknown): void {
    try {
      const result = f();
      if (result !== undefined) onRejection(result, (error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    err(error, `${nameOf(this.#protocol)} threw; its connection to ${this.#peer} is closed`);
    if (this.#lost) return;
    this.#reason ??= new Failure(error);
    this.abortConnection();
  }

  #lossError(): Error {
    if (this.#aborted) return new ConnectionAborted();
    const cause = this.#error;
    if (cause === null && (this.disconnecting || this.#readEnded)) return new ConnectionDone();
    const code = (cause as NodeJS.ErrnoException | null)?.code ?? "";
    const why = cause === null ? "the stream closed without an end" : cause.message;
    const lost = new ConnectionLost(`The connection to the other side was lost in a non-clean way: ${why}.`, code);
    if (cause !== null) lost.cause = cause;
    return lost;
  }

  #close(): void {
    const duplex = this.#duplex;
    // Some streams close only when everything was read; nothing of that is delivered any more.
    duplex.resume();
    if (duplex.writableFinished || !duplex.writable) duplex.destroy();
    else duplex.end();
  }

  #pauseProducer(): void {
    if (this.#producer === null || !this.#streaming || this.#producerPaused) return;
    this.#producerPaused = true;
    this.#call(() => (this.#producer as PushProducer).pauseProducing());
  }

  /** Ask a pull producer for more, once the stream has room. */
  #pull(): void {
    const producer = this.#producer as PullProducer;
    this.#call(() => producer.resumeProducing());
    if (this.#producer === producer && !this.#duplex.writableNeedDrain) setImmediate(() => this.#drained());
  }

  #closeWaitsForProducer(): boolean {
    return this.#producer !== null && (!this.#streaming || this.#producerPaused);
  }
}

function addressOf(host: string | undefined, port: number | undefined): Address {
  const known = host === undefined ? undefined : literalAddress(host, port ?? 0);
  return known ?? new IPv4Address("TCP", "0.0.0.0", 0);
}
