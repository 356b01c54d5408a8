/**
 * Reads the bytes that a program passes by their true length.
 *
 * A program can give a Uint8Array a `length` of its own, by a subclass or a property. Memory that is used for many
 * connections would then be sent up to that length, with what was written to other connections; and a getter could write to
 * another connection in between. Counted by that length, they would change the limits of other connections.
 */
import type { Bytes } from "./interfaces.ts";

const TypedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;

/** The getter that every Uint8Array has, whatever it is overridden by. */
function getter<T>(name: "buffer" | "byteOffset" | "length"): (bytes: Uint8Array) => T {
  return Function.prototype.call.bind(Object.getOwnPropertyDescriptor(TypedArray, name)!.get!);
}

/** The number of bytes of a Uint8Array; 0 when its memory was detached. Runs no code of the program. */
export const lengthOf: (bytes: Uint8Array) => number = getter("length");
/** The memory of a Uint8Array. Runs no code of the program. */
export const memoryOf: (bytes: Uint8Array) => ArrayBufferLike = getter("buffer");
/** Where in its memory a Uint8Array begins. Runs no code of the program. */
export const offsetOf: (bytes: Uint8Array) => number = getter("byteOffset");

/** The number of bytes that are sent for `data`. Runs no code of the program. */
export function sentLength(data: Bytes): number {
  return typeof data === "string" ? Buffer.byteLength(data) : lengthOf(data);
}

/** A copy in an ArrayBuffer of its own. Runs no code of the program. */
export function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(lengthOf(bytes));
  copy.set(bytes);
  return copy;
}
