/**
 * Small writes of the native engine.
 *
 * V8 keeps the bytes of a typed array of up to 64 bytes in its own heap. Native code that asks where they are makes V8
 * move them out, to an ArrayBuffer: four allocations, some 0.8 µs with their release. Such arrays are copied to memory
 * that both sides know instead. Received pieces of that size are such arrays, so an echo would pay it for each message.
 */

import type { NativeEngine, StagedEngine } from "../../native.ts";
import { ensureBytes } from "../arguments/writing.ts";

/** As many as V8 keeps in its heap. */
export const STAGED_BYTES_MAX = 64;

/** The engine that `make` makes, whose write() copies few bytes to `staging`. */
export function stageWrites(make: (staging: Uint8Array) => StagedEngine): NativeEngine {
  const staging = new Uint8Array(new ArrayBuffer(STAGED_BYTES_MAX));
  const engine = make(staging);
  const { write, writeStaged } = engine;
  engine.write = (handle, bytes) => {
    // What is no Uint8Array of this realm is looked at by native code.
    if (!(bytes instanceof Uint8Array) || bytes.length > STAGED_BYTES_MAX) {
      ensureBytes(bytes);
      return write(handle, bytes);
    }
    staging.set(bytes);
    return writeStaged(handle, bytes.length);
  };
  return engine;
}
