/**
 * Loads the addon and declares its whole interface. addonfile.ts finds it, loadfailure.ts diagnoses why it does not load.
 *
 * The engine makes one call per turn: `dispatch(words)`, after it has filled `completions` with `words / 4` records of
 * four 32-bit words: kind, handle, a, b. `Completion` lists the kinds.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { addonFile } from "./addonfile.ts";
import { NativeLoadError } from "./internet/error.ts";
import { explainLoadFailure } from "./loadfailure.ts";

/** The kinds of completion records. Mirrors native/engine/completions.h. */
export const Completion = {
  /** A connection was accepted: handle = listener, a = the new handle, b = where its packed address starts in the arena. */
  ACCEPTED: 1,
  /** A connect ended: a = errno, 0 when it is connected. */
  CONNECTED: 2,
  /** Received bytes: `b` of them, at offset `a` in the arena, valid until dispatch() returns. */
  DATA: 3,
  /** The peer's FIN was received. */
  READ_EOF: 4,
  /** The outbox is empty. Only reported when it was asked for. */
  WRITE_DRAINED: 5,
  /** The FIN requested by shutdownWrite() was sent. */
  WRITE_SHUT: 6,
  /** The connection is gone: a = errno (0: as it was asked for), b = `CloseReason`. The handle is void from here on. */
  CLOSED: 7,
  /** A listener cannot accept: a = errno, b = 1 when it is paused until resumeAccept(). */
  LISTENER_ERROR: 8,
  /** A polled descriptor is ready: a = for what, of `Interest`. */
  READY: 9,
  /**
   * The kernel's interface fails: a = errno, b = 1 while the engine tries again after pauses, 2 when that has lasted too
   * long. It names no handle.
   */
  BACKEND_FAILED: 10,
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
  /** Turns, and calls from C++ into JavaScript. */
  readonly turns: number;
  readonly crossings: number;
  /** Records whose handle was stale. */
  readonly stale: number;
  /** Blocks that outboxes allocated since the start; they are reused. */
  readonly blocksAllocated: number;
  /** Open connections, listeners included. */
  readonly connections: number;
  /** Lingering: lost for the program, but open in the kernel until the peer has read everything. */
  readonly lingering: number;
}

/** `[family (4 or 6), host, port, scope id]`; of a UNIX socket `[1, path, 0, 0]`. */
export type NativeAddress = readonly [family: 1 | 4 | 6, host: string, port: number, scopeID: number];

/** Where to listen, and how. Read once, by the call. */
export interface ListenRequest {
  /** A literal address; "" is every IPv4 interface. */
  readonly host: string;
  readonly port: number;
  readonly backlog: number;
  readonly reusePort: boolean;
  /** Of a UNIX socket, in the place of host and port. */
  readonly path?: string;
}

/** What to connect to, and from where. Read once, by the call. */
export interface ConnectRequest {
  /** A literal address. */
  readonly host: string;
  readonly port: number;
  /** "" and 0 leave the local end to the kernel. */
  readonly bindHost: string;
  readonly bindPort: number;
  /** Of a UNIX socket, in the place of host and port. */
  readonly path?: string;
}

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
  /** Have CLOSED come of a connection that the peer has reset, though it is paused: what is unread is lost. */
  probe(handle: number): void;
  /** Ask for WRITE_DRAINED whenever the outbox runs empty. */
  notifyDrain(handle: number, on: boolean): void;
  /** Returns a handle or a negative errno. */
  listen(request: ListenRequest): number;
  resumeAccept(handle: number): void;
  /** Returns a handle or a negative errno; CONNECTED follows. */
  connect(request: ConnectRequest): number;
  /**
   * Take over a stream socket that listens or is connected; `shared` when somebody else has it, too. Returns a handle of
   * a listener that accepts, or of a connection that reads, or a negative errno: the socket stays the caller's then.
   */
  adopt(fd: number, shared: boolean): number;
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
  /** Close what has lingered through two sweeps; returns how many linger still. */
  sweepLingering(): number;
  /** Begin to watch. The process stays alive until stop(). */
  start(): void;
  stop(): void;
  /** Close every descriptor without a record and free everything. */
  destroy(): void;
  stats(): EngineStats;
}

export interface StagedEngine extends NativeEngine {
  write: NativeEngine["write"];
  /** The same as write(), of the first `length` bytes of `EngineSetup.staging`. */
  writeStaged(handle: number, length: number): number;
}

export interface EngineSetup {
  readonly backend: string;
  readonly driver: "pollable" | "waiter";
  readonly completions: Int32Array;
  /** Where received bytes land. Nobody may be able to detach it: see internet/engine/memory.ts. */
  readonly arena: Uint8Array;
  /** Where write() finds few bytes: see internet/engine/stagedwrites.ts. */
  readonly staging: Uint8Array;
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
  createEngine(setup: EngineSetup): StagedEngine;
  /** flock(2) without waiting: 0, or a negative errno. Without `exclusive`, only asks whether another has the lock. */
  lockFile(fd: number, exclusive: boolean): number;
}

let loaded: NativeModule | undefined;

/** The addon, loaded at the first call. @throws NativeLoadError */
export function loadNative(): NativeModule {
  if (loaded === undefined) {
    const root = fileURLToPath(new URL("..", import.meta.url));
    try {
      const require = createRequire(import.meta.url);
      loaded = require(addonFile(root)) as NativeModule;
    } catch (cause) {
      throw new NativeLoadError(explainLoadFailure(cause, root), { cause });
    }
  }
  return loaded;
}
