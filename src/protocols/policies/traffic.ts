/** Logs the traffic of connections as hex dumps. */
import { check, checkOptions } from "../../internet/arguments/check.ts";
import * as kinds from "../../internet/arguments/kinds.ts";
import { encodedOr, ensureBytes } from "../../internet/arguments/writing.ts";
import { bufferOf } from "../../internet/engine/view.ts";
import type { Failure } from "../../internet/failure.ts";
import type { Address, Bytes, ProtocolLike } from "../../internet/interfaces.ts";
import { callAndLog } from "../../internet/rejection.ts";
import { printable } from "../../logger/printable.ts";
import { ProtocolWrapper, type WrappableFactory, WrappingFactory } from "./wrapper.ts";

const FACTORY = "new TrafficLoggingFactory(wrappedFactory, sink, options)";
const PROTOCOL = "new TrafficLoggingProtocol(factory, wrappedProtocol, sink, lengthLimit, number)";
const LENGTH_LIMIT = kinds.count(0);
const NUMBER = kinds.integer(0);

/** Receives the lines of the log, without line ends. `number` identifies the connection. Its exceptions are logged. */
export type TrafficSink = (line: string, number: number) => void;

const ROW = 16;

/** Logs the bytes that the connection receives and sends. */
export class TrafficLoggingProtocol<P extends ProtocolLike = ProtocolLike> extends ProtocolWrapper<P> {
  readonly #sink: TrafficSink;
  readonly #lengthLimit: number;
  readonly #number: number;
  #received = 0;
  #sent = 0;

  constructor(
    factory: TrafficLoggingFactory<P>,
    wrappedProtocol: P,
    sink: TrafficSink,
    lengthLimit: number,
    number: number,
  ) {
    super(factory, wrappedProtocol);
    check(PROTOCOL, "sink", sink, kinds.callable);
    check(PROTOCOL, "lengthLimit", lengthLimit, LENGTH_LIMIT);
    check(PROTOCOL, "number", number, NUMBER);
    this.#sink = sink;
    this.#lengthLimit = lengthLimit;
    this.#number = number;
  }

  override connectionMade(): void {
    this.#log(`* connected to ${this.getPeer()}`);
  }

  override dataReceived(data: Buffer): unknown {
    this.#dump("C", data, this.#received);
    this.#received += data.length;
    return super.dataReceived(data);
  }

  override connectionLost(reason: Failure): unknown {
    this.#log(`* lost: ${printable(reason.getErrorMessage())}`);
    return super.connectionLost(reason);
  }

  override write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const given = encodedOr(data, encoding, callback);
    ensureBytes(given);
    const bytes = typeof given === "string" ? Buffer.from(given) : bufferOf(given);
    this.#dump("S", bytes, this.#sent);
    this.#sent += bytes.length;
    super.write(bytes);
  }

  override loseConnection(): void {
    this.#log("S loseConnection()");
    super.loseConnection();
  }

  override abortConnection(): void {
    this.#log("S abortConnection()");
    super.abortConnection();
  }

  override loseWriteConnection(): void {
    this.#log("S loseWriteConnection()");
    super.loseWriteConnection();
  }

  #dump(side: string, bytes: Uint8Array, at: number): void {
    const shown = Math.min(bytes.length, this.#lengthLimit);
    for (let from = 0; from < shown; from += ROW) {
      this.#log(`${side} ${row(bytes.subarray(from, Math.min(from + ROW, shown)), at + from)}`);
    }
    if (shown < bytes.length) this.#log(`${side} … ${bytes.length - shown} more bytes`);
  }

  #log(what: string): void {
    // A sink that throws must not keep the connection from closing, nor its protocol from learning of the loss.
    callAndLog(
      () => this.#sink(`${this.#number} ${what}`, this.#number),
      () => "The sink of a traffic log threw",
    );
  }
}

/** A row as `hexdump -C` prints it: the offset in the stream, the bytes, and the printable ones as text. */
function row(bytes: Uint8Array, at: number): string {
  const hex: string[] = [];
  let text = "";
  for (const byte of bytes) {
    hex.push(byte.toString(16).padStart(2, "0"));
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
  }
  return `${at.toString(16).padStart(8, "0")}  ${hex.join(" ").padEnd(3 * ROW - 1)}  |${text}|`;
}

/**
 * Logs the traffic of every connection of a factory, as lines like
 *
 *     3 C 00000000  68 65 6c 6c 6f 0d 0a                             |hello..|
 *
 * where 3 is the connection's number, C means received and S sent, and 00000000 is the offset in that direction.
 */
export class TrafficLoggingFactory<P extends ProtocolLike = ProtocolLike> extends WrappingFactory<
  P,
  TrafficLoggingProtocol<P>
> {
  readonly #sink: TrafficSink;
  readonly #lengthLimit: number;
  #counter = 0;

  /**
   * @param options.lengthLimit bytes of each chunk that are logged; default: all
   * @throws TypeError | RangeError
   */
  constructor(wrappedFactory: WrappableFactory<P>, sink: TrafficSink, options: { readonly lengthLimit?: number } = {}) {
    super(wrappedFactory);
    check(FACTORY, "sink", sink, kinds.callable);
    checkOptions<{ lengthLimit?: number }>(FACTORY, options, { lengthLimit: LENGTH_LIMIT });
    this.#sink = sink;
    this.#lengthLimit = options.lengthLimit ?? Number.POSITIVE_INFINITY;
  }

  override wrapProtocol(wrapped: P, _addr: Address): TrafficLoggingProtocol<P> {
    this.#counter++;
    return new TrafficLoggingProtocol(this, wrapped, this.#sink, this.#lengthLimit, this.#counter);
  }

  /** Restart at 1 with the next connection. */
  resetCounter(): void {
    this.#counter = 0;
  }
}
