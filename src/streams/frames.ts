/** Connections as async iterables. */
import type { Bytes, Transport } from "../internet/interfaces.ts";
import { Connection, type ReadOptions } from "./connection.ts";
import { type Framer, PieceFramer, TextFramer } from "./framer.ts";
import { LineFramer } from "./lineframer.ts";
import type { Loop } from "./reading.ts";
import { type StringFraming, stringFramer } from "./stringframer.ts";
import { connectionOver } from "./takeover.ts";

/** With an encoding the items are strings. */
export interface TextOptions extends ReadOptions {
  readonly encoding: BufferEncoding;
}

/** How a stream is cut into lines. */
export interface LineOptions extends ReadOptions {
  /** What ends a line. Default CR LF, as LineReceiver's. */
  readonly delimiter?: Bytes;
  /** The bytes that a line may have, its delimiter not counted. Default 16384. */
  readonly maxLength?: number;
}

/** How a stream is cut into strings. */
export interface StringOptions extends ReadOptions {
  /** The bytes that a string may have. Default 99999, as Int32StringReceiver's. */
  readonly maxLength?: number;
}

/**
 * The bytes of a connection as they come.
 *
 * A loop over a **Connection** only reads: leaving it (`break`, `return`, `throw`) leaves the connection open, and bytes
 * that were received beyond are there for the next loop. A loop over a **Transport** takes the connection over from its
 * protocol at the call, and owns it: however the loop is left, at the peer's end as well, the connection is closed once
 * all is sent.
 *
 * Reading pauses while the consumer is behind: 64 KiB and one chunk are the most that wait in memory. The loop ends
 * when the peer ends its side or the connection is closed cleanly, and throws what it was lost by otherwise, in each
 * case after everything that came before.
 */
export function chunks(source: Connection | Transport, options?: ReadOptions): Loop<Buffer> {
  return framed(source, new PieceFramer(), options);
}

/**
 * The lines of a connection, without what ends them; what follows the last one's end is no line. Else as {@link chunks}.
 * @throws FramingError when a line is longer than `maxLength`: the loop is over then, and what was received is dropped
 */
export function lines(source: Connection | Transport, options: LineOptions & TextOptions): Loop<string>;
export function lines(source: Connection | Transport, options?: LineOptions): Loop<Buffer>;
export function lines(
  source: Connection | Transport,
  options: LineOptions & Partial<TextOptions> = {},
): Loop<Buffer | string> {
  const { delimiter = "\r\n", maxLength = 16384 } = options;
  return framed<Buffer | string>(source, decoded(new LineFramer(delimiter, maxLength), options), options);
}

/**
 * The strings of a connection, each with its length in front: one byte, two or four, big-endian, or a netstring. Else
 * as {@link chunks}.
 * @throws FramingError when a string is longer than `maxLength` or is no netstring: the loop is over then, and what was
 * received is dropped
 */
export function strings(
  source: Connection | Transport,
  framing: StringFraming,
  options: StringOptions & TextOptions,
): Loop<string>;
export function strings(source: Connection | Transport, framing: StringFraming, options?: StringOptions): Loop<Buffer>;
export function strings(
  source: Connection | Transport,
  framing: StringFraming,
  options: StringOptions & Partial<TextOptions> = {},
): Loop<Buffer | string> {
  const { maxLength = 99_999 } = options;
  return framed<Buffer | string>(source, decoded(stringFramer(framing, maxLength), options), options);
}

function decoded(framer: Framer<Buffer>, options: Partial<TextOptions> | undefined): Framer<Buffer> | Framer<string> {
  return options?.encoding === undefined ? framer : new TextFramer(framer, options.encoding);
}

function framed<T>(source: Connection | Transport, framer: Framer<T>, options: ReadOptions | undefined): Loop<T> {
  if (source instanceof Connection) return source.loop(framer, options);
  const connection = connectionOver(source);
  return connection.loop(framer, options, () => void connection.close());
}
