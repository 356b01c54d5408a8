/**
 * Checks the arguments of write(). The engine checks bytes itself; these functions serve transports without an engine, and
 * every transport whose caller passes a second argument.
 */
import { isUint8Array } from "node:util/types";
import { copyOf } from "../bytes.ts";
import type { Bytes } from "../interfaces.ts";
import { described } from "./described.ts";

/** The error for a value that is neither bytes nor a string. */
export function unwritable(data: unknown): TypeError {
  return new TypeError(`write(data) needs a Uint8Array or a string, not ${described(data)}.`);
}

/** @throws TypeError unless `data` is bytes or a string */
export function ensureBytes(data: unknown): void {
  if (typeof data !== "string" && !isUint8Array(data)) throw unwritable(data);
}

/**
 * Encode a string. As in Node's streams, the second argument of write() is an encoding. A callback, which a stream would
 * take as its last argument, is refused, since a transport would never call it.
 * @throws TypeError for an unknown encoding, for bytes with an encoding, and for a callback
 */
export function encoded(data: unknown, encoding: unknown, callback?: unknown): Buffer {
  if (typeof encoding === "function" || callback !== undefined) {
    throw new TypeError(
      "write(data, encoding) takes no callback: await write(transport, data) of skein/streams, or register a producer, " +
        "to learn when the transport can take more.",
    );
  }
  ensureBytes(data);
  if (typeof encoding !== "string" || !Buffer.isEncoding(encoding)) {
    throw new TypeError(
      `write(data, encoding) needs the name of an encoding of Buffer, such as "latin1", not ${described(encoding)}.`,
    );
  }
  if (typeof data !== "string") {
    throw new TypeError(
      `write(data, encoding) needs a string when there is an encoding, not ${described(data)}: leave the encoding out.`,
    );
  }
  return Buffer.from(data, encoding);
}

/** `data` itself, or the encoded string when there is an encoding. See {@link encoded}. */
export function encodedOr(data: Bytes, encoding: unknown, callback: unknown): Bytes {
  return encoding === undefined && callback === undefined ? data : encoded(data, encoding, callback);
}

/** A copy of `data`, for a transport that keeps what is written to it. @throws TypeError */
export function ownBytes(data: Bytes, encoding: unknown, callback: unknown): Buffer {
  if (encoding !== undefined || callback !== undefined) return encoded(data, encoding, callback);
  if (typeof data === "string") return Buffer.from(data, "utf8");
  ensureBytes(data);
  return copyOf(data);
}

/** The pieces of writeSequence(), all of them checked before the first is written. @throws TypeError */
export function ensurePieces(pieces: unknown): readonly Bytes[] {
  if (typeof (pieces as Iterable<Bytes> | null | undefined)?.[Symbol.iterator] !== "function") {
    throw new TypeError(`writeSequence(pieces) needs an iterable of Uint8Arrays or strings, not ${described(pieces)}.`);
  }
  const all: readonly Bytes[] = Array.isArray(pieces) ? pieces : [...(pieces as Iterable<Bytes>)];
  for (const piece of all) ensureBytes(piece);
  return all;
}
