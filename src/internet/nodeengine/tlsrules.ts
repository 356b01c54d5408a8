/**
 * The rules that a runtime's node:tls knows. One that ignores a rule is found by giving it one that is wrong: what would be
 * ignored is refused, unless it is the default.
 */
import type { SecureContextOptions } from "node:tls";
import type { ContextRequest, TlsRefusal } from "../../native.ts";
import { CIPHERS, GROUPS, HYBRID_GROUP, SECURITY_LEVEL, SIGNATURE_ALGORITHMS, SUITES } from "../tls/defaults.ts";
import { nodeStream, nodeTLS } from "../tls/node.ts";

/** Deno's takes any group, and any other rule, and uses its own. */
const heedsGroups = once(() => refusesContext({ ecdhCurve: "skein" }));
/** BoringSSL has no choice in TLS 1.3. */
const heedsSuites = once(() => refusesContext({ ciphers: "TLS_SKEIN" }));
/** BoringSSL has no security levels. */
export const knowsLevels = once(() => heedsGroups() && !refusesContext({ ciphers: `${CIPHERS}:@SECLEVEL=2` }));
export const heedsLists = once(() => refusesContext({ crl: "-" }));
const handle = once(handleOfSocket);

/** The default algorithms for signatures, as far as the runtime knows them: BoringSSL has no rsa_pss_pss. */
const defaultAlgorithms = once(() => SIGNATURE_ALGORITHMS.filter((one) => !refusesContext({ sigalgs: one })).join(":"));

export function knownAlgorithms(asked: string): string {
  return asked === SIGNATURE_ALGORITHMS.join(":") ? defaultAlgorithms() : asked;
}

/** Bun and Deno take them and seal with their own. */
export function heedsTicketKeys(key: Buffer): boolean {
  const { context } = nodeTLS().createSecureContext({ ticketKeys: key }) as { context?: { getTicketKeys?(): Buffer } };
  return context?.getTicketKeys?.().equals(key) ?? false;
}

/** Undefined when the runtime heeds all of it. */
export function unheeded(request: ContextRequest): TlsRefusal | undefined {
  const { groups, ciphers, suites, signatureAlgorithms, securityLevel } = request;
  if (!knowsLevels() && securityLevel > SECURITY_LEVEL) return ignored("the security level");
  if (suites !== SUITES && !heedsSuites()) return ignored("the ciphers of TLS 1.3");
  if (request.requestsOcsp && !has("requestOCSP")) return ignored("requestOCSP");
  if (request.requiresOcsp) return { what: "requireOCSP", reason: "node:tls verifies no OCSP response" };
  if (request.ocspResponse !== undefined && !has("setOCSPResponse")) return ignored("the OCSP response");
  if (request.logsKeys && !has("enableKeylogCallback")) return ignored("keyLog");
  if (heedsGroups()) return undefined;
  if (![GROUPS, [HYBRID_GROUP, ...GROUPS]].some((list) => list.join(":") === groups)) return ignored("the groups");
  if (ciphers !== CIPHERS) return ignored("the ciphers of TLS 1.2");
  if (signatureAlgorithms !== SIGNATURE_ALGORITHMS.join(":")) return ignored("the signature algorithms");
  return undefined;
}

export function ignored(what: string): TlsRefusal {
  return { what, reason: "node:tls of this runtime has no such rule" };
}

export function refusesContext(options: SecureContextOptions): boolean {
  try {
    nodeTLS().createSecureContext(options);
    return false;
  } catch {
    return true;
  }
}

/** Whether the handle of a TLSSocket has this method: where it has not, the option for it is ignored. */
function has(method: string): boolean {
  return typeof handle()[method] === "function";
}

function handleOfSocket(): Readonly<Record<string, unknown>> {
  const socket = new (nodeTLS().TLSSocket)(new (nodeStream().Duplex)({ read: () => undefined }) as never, {
    isServer: true,
  });
  const own = (socket as unknown as { readonly _handle?: Record<string, unknown> })._handle ?? {};
  const methods = ["requestOCSP", "setOCSPResponse", "enableKeylogCallback"].map((name) => [name, own[name]]);
  socket.on("error", () => undefined).destroy();
  return Object.fromEntries(methods) as Readonly<Record<string, unknown>>;
}

function once<T>(find: () => T): () => T {
  let found: { readonly value: T } | undefined;
  return () => {
    found ??= { value: find() };
    return found.value;
  };
}
