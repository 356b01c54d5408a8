/** Connections as async iterables. */
import { check, checkOptions, type OptionKinds } from "../internet/arguments/check.ts";
import * as kinds from "../internet/arguments/kinds.ts";
import { signalOf } from "../internet/arguments/waiting.ts";
import type { Bytes, Transport } from "../internet/interfaces.ts";
import { Connection, type ReadOptions } from "./connection.ts";
import { type Framer, PieceFramer, TextFramer } from "./framer.ts";
import { LineFramer } from "./lineframer.ts";
import type { Loop } from "./reading.ts";
import { FRAMINGS, type StringFraming, stringFramer } from "./stringframer.ts";
import { SOURCE, takeOver } from "./takeover.ts";

/** With an encoding the items are strings. */
export interface TextOptions extends ReadOptions {
  readonly encoding: BufferEncoding;
}

/** How a stream is split into lines. */
export interface LineOptions extends ReadOptions {
  /** The delimiter of lines. Default CR LF, as in LineReceiver. */
  readonly delimiter?: Bytes;
  /** The maximum length of a line in bytes, without its delimiter. Default 16384. */
  readonly maxLength?: number;
}

/** How a stream is split into strings. */
export interface StringOptions extends ReadOptions {
  /** The maximum length of a string in bytes. Default 99999, as in Int32StringReceiver. */
  readonly maxLength?: number;
}

type AnyLineOptions = LineOptions & Partial<TextOptions>;
type AnyStringOptions = StringOptions & Partial<TextOptions>;

const STRING_OPTIONS: OptionKinds<AnyStringOptions> = {
  maxLength: kinds.count(0),
  encoding: kinds.encoding,
  signal: kinds.abortSignal,
};
const LINE_OPTIONS: OptionKinds<AnyLineOptions> = { delimiter: kinds.bytes, ...STRING_OPTIONS };
const FRAMING = kinds.oneOf(...FRAMINGS);

/**
 * The chunks of a connection as they arrive.
 *
 * A loop over a **Connection** only reads: leaving it (`break`, `return`, `throw`) keeps the connection open, and the next
 * loop gets the bytes that were received but not used. For a **Transport**, the call takes the connection over from its
 * protocol, and the loop owns it: when the loop ends or is left, the connection is closed as soon as everything is sent.
 *
 * Reading pauses while the consumer is behind: at most 64 KiB plus one chunk are buffered. The loop ends when the peer
 * half-closes or the connection is closed cleanly. If the connection is lost, the loop throws the reason, after all that
 * was received before.
 * @throws TypeError at the call
 */
export function chunks(source: Connection | Transport, options?: ReadOptions): Loop<Buffer> {
  check("chunks(source, options)", "source", source, SOURCE);
  const signal = signalOf("chunks(source, options)", options);
  return framed(source, new PieceFramer(), signal);
}

/**
 * The lines of a connection, without their delimiters. An unfinished line at the end is dropped. Otherwise like
 * {@link chunks}.
 * @throws FramingError when a line is longer than `maxLength`: this ends the loop, and drops what was received; TypeError or
 * RangeError at the call
 */
export function lines(source: Connection | Transport, options: LineOptions & TextOptions): Loop<string>;
export function lines(source: Connection | Transport, options?: LineOptions): Loop<Buffer>;
export function lines(source: Connection | Transport, options: AnyLineOptions = {}): Loop<Buffer | string> {
  check("lines(source, options)", "source", source, SOURCE);
  const checked = checkOptions<AnyLineOptions>("lines(source, options)", options, LINE_OPTIONS);
  const { delimiter = "\r\n", maxLength = 16384, encoding, signal } = checked;
  return framed<Buffer | string>(source, decoded(new LineFramer(delimiter, maxLength), encoding), signal);
}

/**
 * The strings of a connection, framed by a big-endian length prefix of one, two or four bytes, or as netstrings. Otherwise
 * like {@link chunks}.
 * @throws FramingError when a string is longer than `maxLength`, or not a netstring: this ends the loop, and drops what was
 * received; TypeError or RangeError at the call
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
  options: AnyStringOptions = {},
): Loop<Buffer | string> {
  const call = "strings(source, framing, options)";
  check(call, "source", source, SOURCE);
  check(call, "framing", framing, FRAMING);
  const { maxLength = 99_999, encoding, signal } = checkOptions<AnyStringOptions>(call, options, STRING_OPTIONS);
  return framed<Buffer | string>(source, decoded(stringFramer(framing, maxLength), encoding), signal);
}

function decoded(framer: Framer<Buffer>, encoding: BufferEncoding | undefined): Framer<Buffer> | Framer<string> {
  return encoding === undefined ? framer : new TextFramer(framer, encoding);
}

function framed<T>(source: Connection | Transport, framer: Framer<T>, signal: AbortSignal | undefined): Loop<T> {
  if (source instanceof Connection) return source.loop(framer, signal);
  const connection = takeOver(source);
  return connection.loop(framer, signal, () => void connection.close());
}
