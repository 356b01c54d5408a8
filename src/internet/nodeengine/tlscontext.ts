/**
 * Contexts of node:tls made of what the engines' contexts are made of: the counterpart of native/tls/context.h.
 */
import type { KeyObject } from "node:crypto";
import type { SecureContext, SecureContextOptions, Server } from "node:tls";
import type { ContextRequest, RootsRequest, TlsHandle, TlsIdentity, TlsProvider, TlsRefusal } from "../../native.ts";
import { TLSOptionsError } from "../tls/errors.ts";
import { nodeCrypto, nodeTLS } from "../tls/node.ts";
import {
  heedsLists,
  heedsTicketKeys,
  ignored,
  knownAlgorithms,
  knowsLevels,
  refusesContext,
  unheeded,
} from "./tlsrules.ts";
import { weaknessOf } from "./tlsstrength.ts";

const TICKET_KEY_BYTES = 80;
const TICKET_NAME_BYTES = 16;
const SESSION_CONTEXT_LENGTH = 32;
/** node:tls takes the seconds of a session as an int32. */
const SESSION_SECONDS_MAX = 2 ** 31 - 1;
/** As OpenSSL's reasons have it. */
const WEAKNESSES: Readonly<Record<number, string>> = {
  66: "ee key too small",
  67: "ca key too small",
  68: "ca md too weak",
};
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;
const VERSIONS: Readonly<Record<number, "TLSv1.2" | "TLSv1.3">> = { 771: "TLSv1.2", 772: "TLSv1.3" };

/** Trusted certificates, and what is done with them. */
class NodeRoots {
  /** PEM, one each; undefined: those that the runtime trusts, of which it keeps one store. */
  readonly certificates: readonly string[] | undefined;
  readonly revoked: readonly string[];
  readonly partialChain: boolean;

  constructor({ certificates, revoked, partialChain }: RootsRequest) {
    this.certificates = certificates === nodeTLS().rootCertificates.join("\n") ? undefined : blocks(certificates);
    this.revoked = blocks(revoked);
    this.partialChain = partialChain;
  }
}

export class NodeContext {
  readonly request: ContextRequest;
  readonly names = new Map<string, NodeContext>();
  asks = false;
  private readonly identities: readonly Held[];
  private made: SecureContext;
  private stapling: Server | undefined;

  /** @throws what node:tls throws, and RefusedError */
  constructor(request: ContextRequest) {
    this.request = request;
    this.identities = request.identities.map((identity) => held(identity, request.securityLevel));
    this.made = make(request, this.identities, undefined);
  }

  get secureContext(): SecureContext {
    return this.made;
  }

  set ticketKey(key: Buffer) {
    this.made = make(this.request, this.identities, key);
  }

  /** For the name that a client announces: its own, or that of "*." and the rest of it. */
  named(name: string): NodeContext | undefined {
    return this.names.get(name) ?? this.names.get(name.replace(/^[^.]*/, "*"));
  }

  /** What staples the OCSP response: node:tls asks the server of a socket for it. */
  get stapler(): Server | undefined {
    const { ocspResponse } = this.request;
    if (ocspResponse === undefined) return undefined;
    if (this.stapling === undefined) {
      this.stapling = nodeTLS().createServer();
      this.stapling.on("OCSPRequest", (_certificate, _issuer, answer) => answer(null, Buffer.from(ocspResponse)));
    }
    return this.stapling;
  }
}

/** Makes contexts for engines over node:net. */
export const nodeTlsProvider: TlsProvider = {
  load: () => "",

  createRoots(request: RootsRequest): TlsHandle | TlsRefusal {
    if (request.platform) return { what: "the platform's certificates", reason: "node:tls cannot be told to" };
    const certificates = blocks(request.certificates);
    if (certificates.length === 0 && request.certificates !== "") {
      return { what: "the trusted certificates: there is none in the PEM", reason: "" };
    }
    const known = request.certificates === nodeTLS().rootCertificates.join("\n");
    const wrong = known ? undefined : certificates.find((one) => !isCertificate(one));
    if (wrong !== undefined) return { what: "a trusted certificate", reason: "" };
    if (request.revoked !== "") {
      const lists = blocks(request.revoked);
      if (!heedsLists()) return ignored("the list of revoked certificates");
      if (lists.length === 0 || refusesContext({ crl: lists })) {
        return { what: "the list of revoked certificates", reason: "" };
      }
    }
    return new NodeRoots(request) as object as TlsHandle;
  },

  createContext(request: ContextRequest): TlsHandle | TlsRefusal {
    try {
      return unheeded(request) ?? (new NodeContext(request) as object as TlsHandle);
    } catch (error) {
      return refusalOf(error as NodeJS.ErrnoException & { reason?: string }, request);
    }
  },

  addName(context: TlsHandle, name: string, other: TlsHandle): void {
    contextOf(context).names.set(name, contextOf(other));
  },

  askAlways(context: TlsHandle): void {
    contextOf(context).asks = true;
  },

  setTicketKeys(context: TlsHandle, keys: readonly Uint8Array[]): boolean {
    if (keys.some((key) => key.length !== TICKET_KEY_BYTES)) return false;
    if (keys[0] === undefined) return true;
    const key = ticketKey(keys[0]);
    if (!heedsTicketKeys(key)) {
      throw new TLSOptionsError("TLS cannot use the keys for session tickets: node:tls of this runtime ignores them.");
    }
    contextOf(context).ticketKey = key;
    return true;
  },
};

export function contextOf(handle: TlsHandle): NodeContext {
  return handle as object as NodeContext;
}

// --- making a context ------------------------------------------------------------------------------------------------

/** A key that is no text, and its certificates. */
interface Held {
  readonly certificates: string;
  readonly key: KeyObject;
}

/** What node:tls would not say, or too late. */
class RefusedError extends Error {
  readonly what: string;

  constructor(what: string, reason = "") {
    super(reason);
    this.what = what;
  }
}

function held({ certificates, key }: TlsIdentity, level: number): Held {
  const own = blocks(certificates)[0];
  if (own === undefined) throw new RefusedError("the certificate: there is none in the PEM");
  if (!isCertificate(own)) throw new RefusedError("the certificate");
  let opened: KeyObject;
  try {
    // No copy: nobody would wipe it.
    const der = Buffer.from(key.buffer, key.byteOffset, key.length);
    opened = nodeCrypto().createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } catch {
    throw new RefusedError("the private key");
  }
  if (!new (nodeCrypto().X509Certificate)(own).checkPrivateKey(opened))
    throw new RefusedError("the private key", "key values mismatch");
  refuseWeak(certificates, level);
  return { certificates, key: opened };
}

/** node:tls sets the level when the certificates are there already. */
function refuseWeak(certificates: string, level: number): void {
  const [own, ...chain] = blocks(certificates).map((pem) => new (nodeCrypto().X509Certificate)(pem).raw);
  for (const [what, weakness] of [
    ["the certificate", weaknessOf([own!], level)],
    ["the chain", weaknessOf(chain, level)],
  ] as const) {
    const reason = what === "the chain" && weakness === 66 ? WEAKNESSES[67] : WEAKNESSES[weakness];
    if (reason !== undefined) throw new RefusedError(what, reason);
  }
}

function make(request: ContextRequest, identities: readonly Held[], ticketKeys: Buffer | undefined): SecureContext {
  const { server, tickets, sessionSeconds, groups } = request;
  const roots = request.roots as object as NodeRoots | undefined;
  const keys = identities.map(({ key }) => pemOf(key));
  const level = knowsLevels() ? [`@SECLEVEL=${request.securityLevel}`] : [];
  const { constants: openssl } = nodeCrypto();
  let options =
    openssl.SSL_OP_NO_COMPRESSION | openssl.SSL_OP_NO_RENEGOTIATION | (tickets ? 0 : openssl.SSL_OP_NO_TICKET);
  if (server) options |= openssl.SSL_OP_CIPHER_SERVER_PREFERENCE;
  try {
    return nodeTLS().createSecureContext({
      key: keys,
      cert: identities.map(({ certificates }) => certificates),
      // Without any, node:tls would trust those of the runtime.
      ...(roots === undefined ? { ca: [] } : roots.certificates === undefined ? {} : { ca: [...roots.certificates] }),
      ...(roots?.revoked.length ? { crl: [...roots.revoked] } : {}),
      ...(roots?.partialChain ? { allowPartialTrustChain: true } : {}),
      minVersion: VERSIONS[request.minVersion]!,
      maxVersion: VERSIONS[request.maxVersion]!,
      ciphers: [request.suites, request.ciphers, ...level].filter((part) => part !== "").join(":"),
      ecdhCurve: groups,
      sigalgs: knownAlgorithms(request.signatureAlgorithms),
      secureOptions: options,
      sessionIdContext: Buffer.from(request.sessionIdContext).toString("hex").slice(0, SESSION_CONTEXT_LENGTH),
      sessionTimeout: Math.max(1, Math.min(SESSION_SECONDS_MAX, Math.round(sessionSeconds))),
      ...(ticketKeys === undefined ? {} : { ticketKeys }),
    } as SecureContextOptions);
  } finally {
    for (const key of keys) key.fill(0);
  }
}

/** As node:tls wants it. Not by way of a string, which cannot be wiped. */
function pemOf(key: KeyObject): Buffer {
  const der = key.export({ format: "der", type: "pkcs8" }) as Buffer;
  const begin = Buffer.from("-----BEGIN PRIVATE KEY-----\n");
  const end = Buffer.from("-----END PRIVATE KEY-----\n");
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const body: number[] = [];
  for (let at = 0; at < der.length; at += 3) {
    const [first = 0, second, third] = der.subarray(at, at + 3);
    const bits = (first << 16) | ((second ?? 0) << 8) | (third ?? 0);
    for (let digit = 0; digit < 4; digit++) body.push(digits.charCodeAt((bits >> (18 - 6 * digit)) & 63));
    if (third === undefined) body[body.length - 1] = 61;
    if (second === undefined) body[body.length - 2] = 61;
    if (body.length % 65 === 64) body.push(10);
  }
  if (body.at(-1) !== 10) body.push(10);
  der.fill(0);
  const pem = Buffer.alloc(begin.length + body.length + end.length);
  pem.set(begin);
  pem.set(body, begin.length);
  pem.set(end, begin.length + body.length);
  body.fill(0);
  return pem;
}

/** Node's keys have 48 bytes: a name, and what is derived of one of ours. */
function ticketKey(key: Uint8Array): Buffer {
  const derived = nodeCrypto().hkdfSync(
    "sha256",
    key.subarray(TICKET_NAME_BYTES),
    "",
    "skein ticket key of node:tls",
    32,
  );
  return Buffer.concat([key.subarray(0, TICKET_NAME_BYTES), Buffer.from(derived)]);
}

function refusalOf(error: NodeJS.ErrnoException & { reason?: string }, { suites }: ContextRequest): TlsRefusal {
  if (error instanceof RefusedError) return { what: error.what, reason: error.message };
  const { code = "", message, reason = "" } = error;
  const said = reason.toLowerCase().replaceAll("_", " ");
  if (/ECDH curve/i.test(message)) return { what: "the groups", reason: said };
  if (/CIPHER|INVALID_COMMAND/.test(code)) {
    const version = suites !== "" && refusesContext({ ciphers: suites }) ? "1.3" : "1.2";
    return { what: `the ciphers of TLS ${version}`, reason: said };
  }
  if (/SIGNATURE_ALGORITHM/.test(code) || /^error:0+:/.test(message)) {
    return { what: "the signature algorithms", reason: said };
  }
  return { what: "the certificate", reason: said };
}

function blocks(pem: string): string[] {
  return pem.match(PEM_BLOCK) ?? [];
}

function isCertificate(pem: string): boolean {
  try {
    new (nodeCrypto().X509Certificate)(pem);
    return true;
  } catch {
    return false;
  }
}
