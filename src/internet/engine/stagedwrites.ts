/**
 * Small writes of the native engine.
 *
 * V8 keeps the bytes of typed arrays of up to 64 bytes on its own heap. When native code asks for their address, V8
 * moves them to an ArrayBuffer: four allocations, some 0.8 µs with their release. Such arrays are copied to shared
 * memory instead. Received chunks of that size are such arrays, so an echo would pay this for each message.
 */

import { isUint8Array } from "node:util/types";
import type { NativeEngine, StagedEngine } from "../../native.ts";
import { unwritable } from "../arguments/writing.ts";
import { lengthOf } from "../bytes.ts";

/** The limit of V8's on-heap typed arrays. */
export const STAGED_BYTES_MAX = 64;

/** The engine that `make` creates, with a write() that copies small chunks to `staging`. */
export function stageWrites(make: (staging: Uint8Array) => StagedEngine): NativeEngine {
  const staging = new Uint8Array(new ArrayBuffer(STAGED_BYTES_MAX));
  const engine = make(staging);
  const { write, writeStaged } = engine;
  engine.write = (handle, bytes) => {
    if (!isUint8Array(bytes)) throw unwritable(bytes);
    const length = lengthOf(bytes);
    if (length > STAGED_BYTES_MAX) return write(handle, bytes);
    staging.set(bytes);
    return writeStaged(handle, length);
  };
  return engine;
}
