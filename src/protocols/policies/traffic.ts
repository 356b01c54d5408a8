/** Logs the traffic of connections as hex dumps. */
import { check, checkOptions } from "../../internet/arguments/check.ts";
import * as kinds from "../../internet/arguments/kinds.ts";
import { encodedOr, ensureBytes } from "../../internet/arguments/writing.ts";
import type { Failure } from "../../internet/failure.ts";
import type { Address, Bytes, ProtocolLike } from "../../internet/interfaces.ts";
import { ProtocolWrapper, type WrappableFactory, WrappingFactory } from "./wrapper.ts";

const FACTORY = "new TrafficLoggingFactory(wrappedFactory, sink, options)";

/** Takes the lines of a log, without line ends; `number` says which connection one is about. */
export type TrafficSink = (line: string, number: number) => void;

const ROW = 16;

/** Logs the bytes that pass. */
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
    this.#sink = sink;
    this.#lengthLimit = lengthLimit;
    this.#number = number;
  }

  override connectionMade(): void {
    this.#say(`* connected to ${this.getPeer()}`);
  }

  override dataReceived(data: Buffer): unknown {
    this.#dump("C", data, this.#received);
    this.#received += data.length;
    return super.dataReceived(data);
  }

  override connectionLost(reason: Failure): unknown {
    this.#say(`* lost: ${reason.getErrorMessage()}`);
    return super.connectionLost(reason);
  }

  override write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const given = encodedOr(data, encoding, callback);
    ensureBytes(given);
    const bytes = typeof given === "string" ? Buffer.from(given) : given;
    this.#dump("S", bytes, this.#sent);
    this.#sent += bytes.length;
    super.write(bytes);
  }

  override loseConnection(): void {
    this.#say("S loseConnection()");
    super.loseConnection();
  }

  override abortConnection(): void {
    this.#say("S abortConnection()");
    super.abortConnection();
  }

  override loseWriteConnection(): void {
    this.#say("S loseWriteConnection()");
    super.loseWriteConnection();
  }

  #dump(side: string, bytes: Uint8Array, at: number): void {
    const shown = Math.min(bytes.length, this.#lengthLimit);
    for (let from = 0; from < shown; from += ROW) {
      this.#say(`${side} ${row(bytes.subarray(from, Math.min(from + ROW, shown)), at + from)}`);
    }
    if (shown < bytes.length) this.#say(`${side} … ${bytes.length - shown} bytes more`);
  }

  #say(what: string): void {
    this.#sink(`${this.#number} ${what}`, this.#number);
  }
}

/** As hexdump -C: where it stands in the stream, the bytes, and those of them that can be printed. */
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
 * where 3 is the connection's number, C what came from the other side and S what was sent, and 00000000 the place in
 * that stream.
 */
export class TrafficLoggingFactory<P extends ProtocolLike = ProtocolLike> extends WrappingFactory<
  P,
  TrafficLoggingProtocol<P>
> {
  readonly #sink: TrafficSink;
  readonly #lengthLimit: number;
  #counter = 0;

  /** @param options.lengthLimit bytes that are shown of each piece; default: all */
  constructor(wrappedFactory: WrappableFactory<P>, sink: TrafficSink, options: { readonly lengthLimit?: number } = {}) {
    super(wrappedFactory);
    check(FACTORY, "sink", sink, kinds.callable);
    checkOptions<{ lengthLimit?: number }>(FACTORY, options, { lengthLimit: kinds.count(0) });
    this.#sink = sink;
    this.#lengthLimit = options.lengthLimit ?? Number.POSITIVE_INFINITY;
  }

  override wrapProtocol(wrapped: P, _addr: Address): TrafficLoggingProtocol<P> {
    this.#counter++;
    return new TrafficLoggingProtocol(this, wrapped, this.#sink, this.#lengthLimit, this.#counter);
  }

  /** The next connection is number 1 again. */
  resetCounter(): void {
    this.#counter = 0;
  }
}
