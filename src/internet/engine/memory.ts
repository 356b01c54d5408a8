/**
 * The memory that an engine receives into: its arena.
 *
 * A protocol that borrows sees views of the arena, and a program can detach an ArrayBuffer that it sees: postMessage()
 * and structuredClone() with a transfer list, ArrayBuffer.prototype.transfer(), enqueue() of a byte stream. The engine
 * would go on writing to memory that was freed or belongs to somebody else. markAsUntransferable() does not prevent it:
 * byte streams ignore it on Node 20 and 22, transfer() on 22. The buffer of a WebAssembly.Memory refuses all of them on
 * every Node.
 */

/** What is used of it. The types of Node have no WebAssembly without those of a browser. */
declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

const PAGE_BYTES = 64 * 1024;
/** A smaller arena shares a WebAssembly.Memory with others, since each takes some 10 GiB of address space. */
const SHARED_BYTES = 1024 * 1024;

export interface Arena {
  readonly bytes: Uint8Array;
  /** Whether a program may see it. Otherwise a protocol that borrows gets a copy of its own. */
  readonly lendable: boolean;
}

/** `make` has to answer with memory that no program can detach, or with undefined. Tests replace it. */
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

/** What small arenas are cut from. It lives as long as one of them. */
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

/** What no program sees, none can detach. */
function hiddenArena(bytes: number): Arena {
  return { bytes: new Uint8Array(bytes), lendable: false };
}
