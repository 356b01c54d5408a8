/**
 * The memory that an engine receives into: its arena.
 *
 * A protocol that borrows gets views of the arena, and a program can detach any ArrayBuffer that it sees: by
 * postMessage() and structuredClone() with a transfer list, ArrayBuffer.prototype.transfer(), or enqueue() of a byte
 * stream. The engine would then write to memory that was freed or is owned by somebody else. markAsUntransferable()
 * does not prevent it: byte streams ignore it on Node 20 and 22, transfer() on 22. The buffer of a WebAssembly.Memory
 * cannot be detached by any of them, on any Node.
 */

/** The part of WebAssembly that is used here. @types/node does not declare it. */
declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

const PAGE_BYTES = 64 * 1024;
/** A smaller arena shares a WebAssembly.Memory with others, since each takes some 10 GiB of address space. */
const SHARED_BYTES = 1024 * 1024;

export interface Arena {
  readonly bytes: Uint8Array;
  /** Whether protocols may borrow it. If not, a protocol that borrows gets a copy. */
  readonly lendable: boolean;
}

/** `make` returns memory that cannot be detached, or undefined. Tests replace it. */
export function makeArena(bytes: number, make: (bytes: number) => ArrayBuffer | undefined = undetachable): Arena {
  if (bytes < PAGE_BYTES) return makeSmallArena(bytes, make);
  const memory = make(bytes);
  return memory === undefined ? hiddenArena(bytes) : { bytes: new Uint8Array(memory, 0, bytes), lendable: true };
}

/** undefined where there is no WebAssembly, or no address space for it (ulimit -v). */
function undetachable(bytes: number): ArrayBuffer | undefined {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer;
  } catch {
    return undefined;
  }
}

/** The memory that small arenas share. It lives as long as any of them. */
let shared = new WeakRef<ArrayBuffer>(new ArrayBuffer(0));
let sharedUsed = 0;

function makeSmallArena(bytes: number, make: (bytes: number) => ArrayBuffer | undefined): Arena {
  let memory = shared.deref();
  if (memory === undefined || sharedUsed + bytes > memory.byteLength) {
    memory = make(SHARED_BYTES);
    if (memory === undefined) return hiddenArena(bytes);
    shared = new WeakRef(memory);
    sharedUsed = 0;
  }
  const arena = { bytes: new Uint8Array(memory, sharedUsed, bytes), lendable: true };
  sharedUsed += bytes;
  return arena;
}

/** An arena in ordinary memory, which is safe because no program ever sees it. */
function hiddenArena(bytes: number): Arena {
  return { bytes: new Uint8Array(bytes), lendable: false };
}
