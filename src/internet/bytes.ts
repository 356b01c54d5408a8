/**
 * Reads the bytes that a program writes by their true length.
 *
 * A program can give a Uint8Array a `length` of its own, by a subclass or a property. Memory that is used for many
 * connections would then be sent up to that length, with what was written to other connections; and a getter could write to
 * another connection in between.
 */

const TypedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;

/** The number of bytes of a Uint8Array; 0 when its memory was detached. Runs no code of the program. */
export const lengthOf: (bytes: Uint8Array) => number = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(TypedArray, "length")!.get!,
);

/** A copy in an ArrayBuffer of its own. Runs no code of the program. */
export function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(lengthOf(bytes));
  copy.set(bytes);
  return copy;
}
