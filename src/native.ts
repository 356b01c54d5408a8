/**
 * Loads the addon and declares its whole surface. Why it does not load, loadfailure.ts explains.
 *
 * The engine reports by one call a turn: `dispatch(words)`, after it filled `completions` with `words / 4` records of
 * four 32-bit words: kind, handle, a, b. `Completion` lists the kinds.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { NativeLoadError } from "./internet/error.ts";
import { explainLoadFailure } from "./loadfailure.ts";

/** The kinds of completion records. Mirrors native/engine/completions.h. */
export const Completion = {
  /** A connection was accepted: handle = listener, a = the new handle, b = where its packed address starts in the arena. */
  ACCEPTED: 1,
  /** A connect ended: a = errno, 0 when it is connected. */
  CONNECTED: 2,
  /** Bytes to borrow: they stand at `a` in the arena, `b` of them, until dispatch returns. */
  DATA_BORROWED: 3,
  /** Bytes to own: they stand at `a` in the current slab, `b` of them. */
  DATA_OWNED: 4,
  /** From here on, owned bytes stand in the next slab that was supplied. */
  NEXT_SLAB: 5,
  /** The peer will send nothing more. */
  READ_EOF: 6,
  /** Everything written has been handed to the kernel. Only where it was asked for. */
  WRITE_DRAINED: 7,
  /** shutdownWrite() has taken effect. */
  WRITE_SHUT: 8,
  /** The connection is gone: a = errno (0: as it was asked for), b = `CloseReason`. The handle is void from here on. */
  CLOSED: 9,
  /** A listener cannot accept: a = errno, b = 1 when it is paused until resumeAccept(). */
  LISTENER_ERROR: 10,
  /** A polled descriptor is ready: a = for what, of `Interest`. */
  READY: 11,
  /**
   * The kernel's interface fails: a = errno, b = 1 while the engine tries again after pauses, 2 when that has lasted too
   * long. It names no handle.
   */
  BACKEND_FAILED: 12,
} as const;

/** What a polled descriptor is waited for, and is ready for. Mirrors native/backend/interest.h. */
export const Interest = {
  READ: 1,
  WRITE: 2,
  /** An error, or the end of both directions: reported without being asked for. */
  HANGUP: 4,
} as const;

/** Why a CLOSED came. Mirrors native/engine/completions.h. */
export const CloseReason = {
  /** close(): all that was written has been handed to the kernel. */
  FLUSHED: 0,
  /** abort(). */
  ABORTED: 1,
  /** The kernel reported an error. */
  ERROR: 2,
} as const;

/** Options of a connection, for getOption and setOption. */
export const SocketOption = { NODELAY: 1, KEEPALIVE: 2 } as const;

export interface EngineStats {
  /** Turns taken, and calls from C++ into JavaScript. */
  readonly turns: number;
  readonly crossings: number;
  /** Records that arrived for a connection that was gone. */
  readonly stale: number;
  /** Blocks taken from the heap by the outboxes since the start; they are reused. */
  readonly blocksAllocated: number;
  /** Open connections, listeners included. */
  readonly connections: number;
  /** Closed for the program, open in the kernel until the peer has read all. */
  readonly lingering: number;
}

/** `[family (4 or 6), host, port, scope id]` */
export type NativeAddress = readonly [family: 4 | 6, host: string, port: number, scopeID: number];

/**
 * One engine: a backend and its connections. Handles are 32-bit integers; a handle that is void is ignored by every
 * call. Calls that can fail at once return a negative errno. Nothing here throws but `write` with something else than
 * bytes.
 */
export interface NativeEngine {
  /** Append to the connection's outbox; returns the bytes that wait there now, -1 when the handle is void. */
  write(handle: number, bytes: Uint8Array): number;
  /** Send what was written outside a turn now. Happens by itself before the loop sleeps. */
  flush(): void;
  close(handle: number): void;
  abort(handle: number): void;
  shutdownWrite(handle: number): void;
  pauseReading(handle: number): void;
  resumeReading(handle: number): void;
  setBorrows(handle: number, on: boolean): void;
  /** Ask for WRITE_DRAINED whenever the outbox runs empty. */
  notifyDrain(handle: number, on: boolean): void;
  /** Returns a handle or a negative errno. `host` is a literal address, "" every IPv4 interface. */
  listen(host: string, port: number, backlog: number, reusePort: boolean): number;
  resumeAccept(handle: number): void;
  /** Returns a handle or a negative errno; CONNECTED follows. `bindHost` "" leaves the local end to the kernel. */
  connect(host: string, port: number, bindHost: string, bindPort: number): number;
  /**
   * Watch a descriptor that stays the caller's; `interest` is of `Interest`. Returns a handle or a negative errno,
   * -ENOTSUP where the backend cannot. READY comes in every turn in which it is ready. abort() ends it and leaves the
   * descriptor open.
   */
  poll(fd: number, interest: number): number;
  /** Returns 0 or a negative errno. */
  setInterest(handle: number, interest: number): number;
  localAddress(handle: number): NativeAddress | number;
  peerAddress(handle: number): NativeAddress | number;
  getOption(handle: number, option: number): number;
  setOption(handle: number, option: number, value: number): number;
  /** Give memory for owned bytes. Kept alive here until NEXT_SLAB has moved past it. */
  supplySlab(slab: Uint8Array): void;
  /** Close what has lingered through two sweeps; returns how many linger still. */
  sweepLingering(): number;
  /** Begin to watch. The process stays alive until stop(). */
  start(): void;
  stop(): void;
  /** Close every descriptor without a record and free everything. */
  destroy(): void;
  stats(): EngineStats;
}

export interface EngineSetup {
  readonly backend: string;
  readonly driver: "pollable" | "waiter";
  readonly completions: Int32Array;
  readonly arena: Uint8Array;
  readonly dispatch: (words: number) => void;
}

export interface BackendInfo {
  readonly name: string;
  /** "" when it can be used here, else why not. */
  readonly unavailable: string;
  readonly preference: number;
  /** The driver used unless another is asked for. */
  readonly driver: "pollable" | "waiter";
}

export interface NativeModule {
  backends(): BackendInfo[];
  /** @throws Error with the errno's name when the backend cannot be opened */
  createEngine(setup: EngineSetup): NativeEngine;
}

let loaded: NativeModule | undefined;

/** The addon, loaded at the first call. @throws NativeLoadError */
export function loadNative(): NativeModule {
  if (loaded === undefined) {
    const root = fileURLToPath(new URL("..", import.meta.url));
    const require = createRequire(import.meta.url);
    try {
      loaded = (require("node-gyp-build") as (dir: string) => NativeModule)(root);
    } catch (cause) {
      throw new NativeLoadError(explainLoadFailure(cause, root), { cause });
    }
  }
  return loaded;
}
