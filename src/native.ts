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
  /** TLS of a connection: a = of `TlsEvent`, 0 when it has begun: bytes of earlier records came before it. */
  FILTER: 11,
} as const;

/** What a FILTER record tells. Mirrors native/tls/filter.h. */
export const TlsEvent = {
  /** The handshake is done. */
  ESTABLISHED: 1,
  /** The program chooses the context: see `EngineTls.answer`. */
  ASKS: 2,
  /** The server has offered sessions. */
  SESSION: 4,
  /** There are lines for a key log. */
  KEY_LOG: 8,
} as const;

/** Why TLS ended a connection. Mirrors native/tls/filter.h. */
export const TlsFault = { NONE: 0, PROTOCOL: 1, TRUNCATED: 2, CUT: 3, FLOOD: 4, REFUSED: 5 } as const;

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

/** A context or trusted roots of the addon. */
export type TlsHandle = object & { readonly tlsHandle?: never };

/** Why the addon could not make something of what it was given. */
export interface TlsRefusal {
  /** What it was, as "the private key". */
  readonly what: string;
  /** OpenSSL's reason, or "". */
  readonly reason: string;
}

/** The TLS of one connection. */
export interface TlsRequest {
  /** A context; of a server's when this side is the server. */
  readonly context: TlsHandle;
  /** Of a client: the host name or literal address that the certificate must be for; "" for any. */
  readonly name?: string;
  /** Of a client: the name that it announces (SNI); "" for none. */
  readonly announced?: string;
  /** Of a client: DER of a session to resume. */
  readonly session?: Uint8Array | undefined;
}

export interface TlsAgreed {
  /** "TLSv1.3" */
  readonly version: string;
  /** OpenSSL's name, and the one that IANA registers. */
  readonly cipher: string;
  readonly standardCipher: string;
  readonly bits: number;
  /** The group of the key exchange, or "". */
  readonly group: string;
  /** Of ALPN; "" for none. */
  readonly protocol: string;
  readonly resumed: boolean;
  /** Whether the secrets are of this handshake alone: by TLS 1.3, or by extended master secret (RFC 7627). */
  readonly bound: boolean;
  /** The name that the client announced. */
  readonly serverName: string;
  /** X509_V_ERR_…; 0 when the peer's certificate is in order, or there is none. */
  readonly verify: number;
  /** Records that were sealed. */
  readonly records: number;
  /** DER of the OCSP response that the server has stapled. */
  readonly ocsp?: Buffer;
}

export interface TlsFailure {
  readonly fault: number; // of `TlsFault`
  /** OpenSSL's reason, as a number and in words. */
  readonly code: number;
  readonly reason: string;
  readonly verify: number;
  readonly verifyReason: string;
  readonly staple: number; // what came of the OCSP response: of native/tls/staple.h
  /** The alert that the peer was told, or -1. */
  readonly alertSent: number;
  /** The first bytes that came, when they were no TLS. */
  readonly beginning: Buffer;
  readonly serverName: string;
}

/** What may be asked about TLS of a connection, and told to it: `K` names the connection. Undefined when there is none. */
export interface TlsQuestions<K extends readonly unknown[]> {
  /** Undefined before the handshake is done. */
  agreed(...args: [...K]): TlsAgreed | undefined;
  /** DER, the peer's own first. */
  peerCertificates(...args: [...K]): Buffer[] | undefined;
  /** DER of the certificate that this side has shown. */
  hostCertificate(...args: [...K]): Buffer | undefined;
  failure(...args: [...K]): TlsFailure | undefined;
  /** What the client wants, while the program is asked. Protocols as ALPN writes them. */
  hello(...args: [...K]): { readonly serverName: string; readonly protocols: Buffer } | undefined;
  /** Answer ASKS: the context (undefined: the listener's) and the protocol ("": the context decides). Then resume(). */
  answer(...args: [...K, context: TlsHandle | undefined, protocol: string]): void;
  /** The other answer: the client is told an alert. Then resume(). */
  refuse(...args: [...K, alert: number]): void;
  /** DER of sessions that the server has offered since the last call. */
  sessions(...args: [...K]): Buffer[] | undefined;
  keyLog(...args: [...K]): string | undefined;
  /** RFC 8446, 7.5. */
  exportKeys(...args: [...K, length: number, label: string, context: Uint8Array | undefined]): Buffer | undefined;
}

/** TLS for the connections of an engine. */
export interface EngineTls extends TlsQuestions<[handle: number]> {
  /** Whose contexts it takes. */
  readonly provider: TlsProvider;
  /** All bytes from now on go through TLS. A FILTER record with 0 follows. False when the handle is void. */
  begin(handle: number, request: TlsRequest): boolean;
  /** So do all of the connections that a listener accepts from now on. */
  listen(handle: number, context: TlsHandle): boolean;
  /** Bytes that were told as plain ones and belong to TLS: they come before all that is received later. */
  unread(handle: number, wire: Uint8Array): void;
  /** ASKS was answered. */
  resume(handle: number): void;
}

/** TLS by itself, without sockets. */
export interface NativeTlsFilter extends TlsQuestions<[]> {
  receive(
    wire: Uint8Array,
    plain: Uint8Array,
  ): [taken: number, produced: number, ended: number, error: number, events: number];
  send(plain: Uint8Array, wire: Uint8Array): [taken: number, produced: number, error: number, events: number];
  pending(): number;
  unsent(): number;
  established(): boolean;
  waits(): boolean;
  truncated(): number;
  close(): void;
}

export interface RootsRequest {
  /** PEM. */
  readonly certificates: string;
  /** And those that the system's OpenSSL would trust. */
  readonly platform: boolean;
  /** PEM of CRLs. */
  readonly revoked: string;
  readonly partialChain: boolean;
}

/** A private key (DER of PKCS#8), and its certificate with the chain behind it (PEM). */
export interface TlsIdentity {
  readonly certificates: string;
  readonly key: Uint8Array;
}

export interface ContextRequest {
  readonly server: boolean;
  readonly identities: readonly TlsIdentity[];
  readonly roots: TlsHandle | undefined;
  /** 0: none, 1: requested, 2: required. */
  readonly peer: 0 | 1 | 2;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly securityLevel: number;
  /** Of TLS 1.2, and of TLS 1.3. */
  readonly ciphers: string;
  readonly suites: string;
  readonly groups: string;
  readonly signatureAlgorithms: string;
  /** As ALPN writes them. */
  readonly protocols: Uint8Array;
  readonly sessionIdContext: Uint8Array;
  readonly sessionSeconds: number;
  readonly tickets: boolean;
  /** Tickets of a server that differ in random numbers only are of the same length. */
  readonly evenTickets?: boolean;
  readonly ocspResponse: Uint8Array | undefined;
  readonly requestsOcsp: boolean;
  readonly requiresOcsp: boolean;
  readonly logsKeys: boolean;
}

/** What makes contexts for engines. */
export interface TlsProvider {
  /** "" when it can run on this runtime's OpenSSL, whose version this is, else why not. Nothing else works before. */
  load(version: string): string;
  createRoots(request: RootsRequest): TlsHandle | TlsRefusal;
  createContext(request: ContextRequest): TlsHandle | TlsRefusal;
  /** Clients that announce `name` get `other`. */
  addName(context: TlsHandle, name: string, other: TlsHandle): void;
  /** The program is asked about each client. */
  askAlways(context: TlsHandle): void;
  /** The first seals. False when one has not 80 bytes. */
  setTicketKeys(context: TlsHandle, keys: readonly Uint8Array[]): boolean;
}

/** What the addon has of TLS. */
export interface NativeTls extends TlsProvider {
  /** DER of the private key (PKCS#8) and of the certificates, its own first; or why it cannot be opened. */
  openPkcs12(
    file: Uint8Array,
    passphrase: Uint8Array,
  ): { readonly key: Buffer; readonly certificates: readonly Buffer[] } | TlsRefusal;
  createFilter(request: TlsRequest): NativeTlsFilter;
}

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
  /** Undefined where TLS does not go through the engine. */
  readonly tls?: EngineTls | undefined;
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
  readonly tls: NativeTls;
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
