/**
 * Checks what is written to transports. The engine checks the bytes themselves where they reach it; here is what a
 * transport without an engine does, and what every transport does with a second argument.
 */
import { isUint8Array } from "node:util/types";
import type { Bytes } from "../interfaces.ts";
import { described } from "./described.ts";

/** For what is neither bytes nor a string. */
export function unwritable(data: unknown): TypeError {
  return new TypeError(`write(data) needs a Uint8Array or a string, not ${described(data)}.`);
}

/** @throws TypeError for what is neither bytes nor a string */
export function ensureBytes(data: unknown): void {
  if (typeof data !== "string" && !isUint8Array(data)) throw unwritable(data);
}

/**
 * The bytes of a string in an encoding of the caller's choice: Node's streams take one as the second argument of write(),
 * and a callback as the last, which a transport refuses instead of never calling it.
 * @throws TypeError for what is no encoding, for bytes that come with one, and for a callback
 */
export function encoded(data: unknown, encoding: unknown, callback?: unknown): Buffer {
  if (typeof encoding === "function" || callback !== undefined) {
    throw new TypeError(
      "write(data, encoding) calls nobody back: await write(transport, data) of skein/streams, or register a producer, " +
        "to learn when there is room.",
    );
  }
  ensureBytes(data);
  if (typeof encoding !== "string" || !Buffer.isEncoding(encoding)) {
    throw new TypeError(
      `write(data, encoding) needs the name of an encoding that Buffer knows, as "latin1", not ${described(encoding)}.`,
    );
  }
  if (typeof data !== "string") {
    throw new TypeError(`write(data, encoding) needs a string with an encoding, not ${described(data)}: leave it out.`);
  }
  return Buffer.from(data, encoding);
}

/** `data`, or its bytes when it is a string that comes with an encoding. See {@link encoded}. */
export function encodedOr(data: Bytes, encoding: unknown, callback: unknown): Bytes {
  return encoding === undefined && callback === undefined ? data : encoded(data, encoding, callback);
}

/** A copy of what is written, for a transport that keeps it. @throws TypeError */
export function ownBytes(data: Bytes, encoding: unknown, callback: unknown): Buffer {
  if (encoding !== undefined || callback !== undefined) return encoded(data, encoding, callback);
  ensureBytes(data);
  return Buffer.from(data as string);
}

/** What writeSequence() writes, checked in full before any of it is written. @throws TypeError */
export function ensurePieces(pieces: unknown): readonly Bytes[] {
  if (typeof (pieces as Iterable<Bytes> | null | undefined)?.[Symbol.iterator] !== "function") {
    throw new TypeError(`writeSequence(pieces) needs an iterable of Uint8Arrays or strings, not ${described(pieces)}.`);
  }
  const all: readonly Bytes[] = Array.isArray(pieces) ? pieces : [...(pieces as Iterable<Bytes>)];
  for (const piece of all) ensureBytes(piece);
  return all;
}
