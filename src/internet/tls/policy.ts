/** The rules of TLS, checked and complete, and what each engine makes of them. */
import { createHash, type KeyObject } from "node:crypto";
import type { ContextRequest, NativeEngine, RootsRequest, TlsHandle, TlsProvider, TlsRefusal } from "../../native.ts";
import { encodeProtocols } from "./alpn.ts";
import {
  CIPHERS,
  GROUPS,
  HANDSHAKE_SECONDS,
  HYBRID_GROUP,
  SECURITY_LEVEL,
  SESSION_SECONDS,
  SIGNATURE_ALGORITHMS,
  SUITES,
} from "./defaults.ts";
import { TLSNotAvailableError, TLSOptionsError } from "./errors.ts";

export const VERSIONS = { "TLSv1.2": 0x0303, "TLSv1.3": 0x0304 } as const;
/** Versions of TLS. */
export type TLSVersion = keyof typeof VERSIONS;

/** What is asked of the peer for a certificate. */
export const PEER = { none: 0, request: 1, require: 2 } as const;
/** What a server asks of its clients: nothing, a certificate if they have one, or always one. */
export type PeerCertificate = keyof typeof PEER;

/** What a server decides for a client before the handshake: its context, and the protocol. */
export interface ClientWish {
  /** In lower case; "" when it announces none. */
  readonly serverName: string;
  readonly protocols: readonly string[];
}
export interface Choice {
  /** Undefined: the policy that was asked. Null: the client is refused. */
  readonly policy?: Policy | null;
  /** "" or undefined: by the policy's own list. */
  readonly protocol?: string;
}

/** A private key, and PEM of its certificate with the chain behind it. */
export interface Identity {
  readonly certificates: string;
  readonly key: KeyObject;
}

/** All of it is optional; what is left out is as `defaults.ts` has it. */
export interface PolicyOptions {
  readonly identities?: readonly Identity[];
  readonly roots?: RootsRequest;
  /** Of a server. */
  readonly peer?: PeerCertificate;
  /** Of a client: it believes any certificate. */
  readonly verifiesNothing?: boolean;
  readonly minVersion?: TLSVersion;
  readonly maxVersion?: TLSVersion;
  readonly securityLevel?: number;
  readonly ciphers?: string;
  readonly suites?: string;
  readonly groups?: readonly string[];
  readonly signatureAlgorithms?: readonly string[];
  readonly protocols?: readonly string[];
  readonly sessionSeconds?: number;
  readonly tickets?: boolean;
  readonly ticketKeys?: readonly Uint8Array[];
  readonly ocspResponse?: Uint8Array;
  readonly requestsOcsp?: boolean;
  /** Of a client that requests one, too. */
  readonly requiresOcsp?: boolean;
  readonly handshakeSeconds?: number;
  /** Other rules for clients that announce a name: a host, or "*." and the rest of one. */
  readonly names?: ReadonlyMap<string, Policy>;
  /** Asked about each client, instead of `names`. May answer later. */
  readonly choose?: (wish: ClientWish) => Choice | PromiseLike<Choice>;
  /** Is given the secrets of each connection that ends with this policy, for debugging: whoever has them can read everything. */
  readonly keyLog?: (lines: string) => void;
  /** Of a client: the certificate must be for this host name or address; "" for any. */
  readonly name?: string;
  /** Of a client: the name that it announces; "" for none. */
  readonly announced?: string;
}

/** Sessions that a client keeps for one policy, which is for one server. */
const SESSIONS_MAX = 8;

/** Something that a client can resume. */
export interface Session {
  readonly der: Uint8Array;
  /** Seconds of a monotonic clock: when the server's certificate was verified. */
  readonly verified: number;
}

/** Roots that were made, by what they were made of: one store serves all policies. */
const stores = new WeakMap<TlsProvider, Map<string, WeakRef<TlsHandle>>>();

export class Policy {
  readonly options: PolicyOptions;
  readonly handshakeSeconds: number;
  readonly #contexts = new WeakMap<TlsProvider, Map<boolean, TlsHandle>>();

  /** Of a client: sessions that servers have offered, the latest last. Each is used once (RFC 8446, C.4). */
  #sessions: readonly Session[] = [];

  constructor(options: PolicyOptions) {
    this.options = options;
    this.handshakeSeconds = options.handshakeSeconds ?? HANDSHAKE_SECONDS;
  }

  /** The one for clients that announce `name`, as the engine finds it: this one, if `names` has none. */
  named(name: string): Policy {
    const { names } = this.options;
    return names?.get(name) ?? names?.get(name.replace(/^[^.]*/, "*")) ?? this;
  }

  /**
   * Keep sessions that a server has offered. A client that wants no certain server keeps none: it would offer them to others.
   * @param resumed the session that was resumed to get them: they last no longer than it does
   */
  keepSessions(sessions: readonly Uint8Array[], resumed: Session | undefined): void {
    const { tickets = true, name = "", announced = "" } = this.options;
    if (!tickets || (name === "" && announced === "")) return;
    const verified = resumed?.verified ?? now();
    this.#sessions = [...this.#sessions, ...sessions.map((der) => ({ der, verified }))].slice(-SESSIONS_MAX);
  }

  /** A session to resume: undefined when there is none. */
  takeSession(): Session | undefined {
    const since = now() - (this.options.sessionSeconds ?? SESSION_SECONDS);
    this.#sessions = this.#sessions.filter(({ verified }) => verified > since);
    const session = this.#sessions.at(-1);
    this.#sessions = this.#sessions.slice(0, -1);
    return session;
  }

  /** The engine's context for one side, made at the first call. @throws TLSOptionsError | TLSNotAvailableError */
  context(native: NativeEngine, server: boolean): TlsHandle {
    const provider = native.tls?.provider;
    if (provider === undefined) throw new TLSNotAvailableError("This reactor has no TLS.");
    let contexts = this.#contexts.get(provider);
    if (contexts === undefined) {
      contexts = new Map();
      this.#contexts.set(provider, contexts);
    }
    let context = contexts.get(server);
    if (context === undefined) {
      context = this.#make(native, provider, server);
      contexts.set(server, context);
    }
    return context;
  }

  #make(native: NativeEngine, provider: TlsProvider, server: boolean): TlsHandle {
    const unavailable = provider.load(process.versions.openssl ?? "");
    if (unavailable !== "")
      throw new TLSNotAvailableError(
        `This reactor has no TLS here: ${unavailable}. The node reactor has, over node:tls: SKEIN_REACTOR=node, or ` +
          'import "skein/install/node".',
      );
    const { options } = this;
    const { identities = [], roots } = options;
    const peer = server ? (options.peer ?? "none") : options.verifiesNothing ? "none" : "require";
    if (server && identities.length === 0) {
      throw new TLSOptionsError("A server of TLS needs a private key and its certificate: pass both.");
    }
    const request: Omit<ContextRequest, "groups"> = {
      server,
      identities: identities.map(({ certificates, key }) => ({ certificates, key: exported(key) })),
      roots: roots === undefined ? undefined : storeOf(provider, roots),
      peer: PEER[peer],
      minVersion: VERSIONS[options.minVersion ?? "TLSv1.2"],
      maxVersion: VERSIONS[options.maxVersion ?? "TLSv1.3"],
      securityLevel: options.securityLevel ?? SECURITY_LEVEL,
      ciphers: options.ciphers ?? CIPHERS,
      suites: options.suites ?? SUITES,
      signatureAlgorithms: (options.signatureAlgorithms ?? SIGNATURE_ALGORITHMS).join(":"),
      protocols: encodeProtocols(options.protocols ?? []),
      sessionIdContext: this.#sessionContext(),
      sessionSeconds: options.sessionSeconds ?? SESSION_SECONDS,
      tickets: options.tickets ?? true,
      ocspResponse: options.ocspResponse,
      requestsOcsp: options.requestsOcsp ?? false,
      requiresOcsp: !server && (options.requiresOcsp ?? false),
      logsKeys: options.keyLog !== undefined,
    };
    const context = made(provider, request, options.groups);
    for (const { key } of request.identities) key.fill(0);
    if (options.ticketKeys !== undefined && !provider.setTicketKeys(context, options.ticketKeys)) {
      throw new TLSOptionsError("Each key for session tickets must have 80 bytes.");
    }
    if (server) {
      if (options.choose !== undefined) provider.askAlways(context);
      for (const [name, policy] of options.names ?? []) provider.addName(context, name, policy.context(native, true));
    }
    return context;
  }

  /**
   * What a session must agree in to be resumed, where servers share keys for tickets: the certificate that the client saw, what
   * was asked of its own, and how strong everything had to be, since nothing of it is looked at again.
   */
  #sessionContext(): Buffer {
    const {
      identities = [],
      roots,
      peer = "none",
      minVersion = "TLSv1.2",
      ciphers = CIPHERS,
      suites = SUITES,
    } = this.options;
    const { securityLevel = SECURITY_LEVEL, signatureAlgorithms = SIGNATURE_ALGORITHMS } = this.options;
    const hash = createHash("sha256");
    const add = (part: string | Uint8Array) => hash.update(`${part.length}:`).update(part);
    for (const part of [peer, minVersion, ciphers, suites, `${securityLevel}`, signatureAlgorithms.join(":")])
      add(part);
    for (const part of [roots?.certificates ?? "", roots?.revoked ?? "", `${roots?.platform}`]) add(part);
    for (const { certificates } of identities) add(certificates);
    return hash.digest();
  }
}

function now(): number {
  return performance.now() / 1000;
}

/** In memory that is no string, and can be wiped. */
function exported(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "pkcs8" }) as Buffer;
}

/** The first of the groups is left out where OpenSSL does not know it. */
function made(
  provider: TlsProvider,
  request: Omit<ContextRequest, "groups">,
  groups: readonly string[] | undefined,
): TlsHandle {
  const tries = groups === undefined ? [[HYBRID_GROUP, ...GROUPS], GROUPS] : [groups];
  let refusal: TlsRefusal = { what: "", reason: "" };
  for (const list of tries) {
    const context = provider.createContext({ ...request, groups: list.join(":") });
    if (!isRefusal(context)) return context;
    refusal = context;
    if (refusal.what !== "the groups") break;
  }
  throw refused(refusal);
}

function storeOf(provider: TlsProvider, request: RootsRequest): TlsHandle {
  let known = stores.get(provider);
  if (known === undefined) {
    known = new Map();
    stores.set(provider, known);
  }
  const { certificates, platform, revoked, partialChain } = request;
  const key = createHash("sha256")
    .update(JSON.stringify([certificates, platform, revoked, partialChain]))
    .digest("hex");
  const kept = known.get(key)?.deref();
  if (kept !== undefined) return kept;
  const store = provider.createRoots(request);
  if (isRefusal(store)) throw refused(store);
  for (const [other, reference] of known) if (reference.deref() === undefined) known.delete(other);
  known.set(key, new WeakRef(store));
  return store;
}

function isRefusal(value: TlsHandle | TlsRefusal): value is TlsRefusal {
  return "what" in value;
}

function refused({ what, reason }: TlsRefusal): TLSOptionsError {
  return new TLSOptionsError(`TLS cannot use ${what}${reason === "" ? "" : ` (${reason})`}.`);
}
