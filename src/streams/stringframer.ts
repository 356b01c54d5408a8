/** Splits a stream into length-prefixed strings: the framings of Int8/16/32StringReceiver and NetstringReceiver. */
import { type Framer, FramingError } from "./framer.ts";
import { Pieces } from "./pieces.ts";

/** A big-endian length prefix of so many bits, or netstrings (https://cr.yp.to/proto/netstrings.txt). */
export type StringFraming = "int8" | "int16" | "int32" | "netstring";

export const FRAMINGS: readonly StringFraming[] = ["int8", "int16", "int32", "netstring"];

/** The framer of a framing, for strings of at most `maxLength` bytes. */
export function stringFramer(framing: StringFraming, maxLength: number): Framer<Buffer> {
  if (framing === "netstring") return new NetstringFramer(maxLength);
  return new PrefixFramer(PREFIX_BYTES[framing], maxLength);
}

const PREFIX_BYTES = { int8: 1, int16: 2, int32: 4 } as const;

class PrefixFramer implements Framer<Buffer> {
  readonly #pieces = new Pieces();
  readonly #prefix: number;
  readonly #maxLength: number;

  constructor(prefix: number, maxLength: number) {
    this.#prefix = prefix;
    this.#maxLength = maxLength;
  }

  add(data: Buffer): void {
    this.#pieces.push(data);
  }

  next(): Buffer | undefined {
    const pieces = this.#pieces;
    const prefix = this.#prefix;
    if (pieces.size < prefix) return wait(pieces);
    let length = 0;
    for (let i = 0; i < prefix; i++) length = length * 256 + pieces.at(i)!;
    if (length > this.#maxLength) throw tooLong(pieces, length, this.#maxLength);
    if (pieces.size < prefix + length) return wait(pieces);
    pieces.take(prefix);
    return pieces.take(length);
  }

  rest(): Buffer {
    return this.#pieces.takeAll();
  }
}

const [ZERO, NINE, COLON, COMMA] = [0x30, 0x39, 0x3a, 0x2c];

class NetstringFramer implements Framer<Buffer> {
  readonly #pieces = new Pieces();
  readonly #maxLength: number;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  add(data: Buffer): void {
    this.#pieces.push(data);
  }

  next(): Buffer | undefined {
    const pieces = this.#pieces;
    let length = 0;
    let digits = 0;
    for (; ; digits++) {
      const byte = pieces.at(digits);
      if (byte === undefined) return wait(pieces);
      if (byte === COLON && digits > 0) break;
      if (byte < ZERO || byte > NINE) throw malformed(pieces, "a length of decimal digits and a colon");
      if (digits === 1 && length === 0) throw malformed(pieces, "a length without leading zeros");
      length = length * 10 + byte - ZERO;
      if (length > this.#maxLength) throw tooLong(pieces, length, this.#maxLength);
    }
    const end = digits + 1 + length;
    if (pieces.size <= end) return wait(pieces);
    if (pieces.at(end) !== COMMA) throw malformed(pieces, `a comma after its ${length} bytes`);
    pieces.take(digits + 1);
    const string = pieces.take(length);
    pieces.take(1);
    return string;
  }

  rest(): Buffer {
    return this.#pieces.takeAll();
  }
}

/** No complete string was received yet. */
function wait(pieces: Pieces): undefined {
  pieces.settle();
}

function tooLong(pieces: Pieces, length: number, maxLength: number): FramingError {
  pieces.clear();
  return new FramingError(
    `The peer announced a string of ${length} bytes or more, and the limit is ${maxLength}: it speaks another protocol, ` +
      "or maxLength is too small.",
  );
}

function malformed(pieces: Pieces, wanted: string): FramingError {
  pieces.clear();
  return new FramingError(`The peer did not send a netstring, which has ${wanted}: it speaks another protocol.`);
}
