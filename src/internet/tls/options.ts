/** The options of TLS. Names and semantics follow twisted.internet.ssl. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { check, checkOptions, type OptionKinds } from "../arguments/check.ts";
import { byteArray, bytes, callable, flag, integer, type Kind, oneOf, seconds, text } from "../arguments/kinds.ts";
// TLS of the engine over node:net, which finds it by tlsmaker.ts.
import "../nodeengine/tls.ts";
import { PROTOCOL_BYTES_MAX } from "./alpn.ts";
import { byteArrays, certificateInput, certificateInputs, keyInput } from "./arguments.ts";
import { PolicySecurity } from "./connection.ts";
import { TLSOptionsError } from "./errors.ts";
import { serverNameRules, verifiedName } from "./hostname.ts";
import { type CertificateInput, hasKey, identityOf, type KeyInput, type PrivateCertificateLike } from "./identity.ts";
import { type ClientWish, type PeerCertificate, Policy, type PolicyOptions, type TLSVersion } from "./policy.ts";
import { type ContextFactory, SECURITY, type Security } from "./seam.ts";
import { platformTrust, TrustRoot, type TrustRootLike, trustRootFrom } from "./trust.ts";

/** What a server answers when it is asked about a client. */
export interface ServerNameAnswer {
  /** The options for this client; undefined: those that were asked; null: it is refused. */
  readonly options?: CertificateOptions | null;
  /** The protocol, one that the client offers; undefined: by acceptableProtocols. */
  readonly protocol?: string;
}

/** All of them are optional, but a server needs a key and a certificate. */
export interface CertificateOptionsInit {
  /** PEM, DER, or a KeyPair. */
  readonly privateKey?: KeyInput;
  /** PEM (the chain may follow in it), DER, or a Certificate; a PrivateCertificate has its key and its chain. */
  readonly certificate?: CertificateInput;
  /** Of the private key. */
  readonly passphrase?: string | Uint8Array;
  /** Intermediate certificates, the one that signed `certificate` first. */
  readonly extraCertChain?: CertificateInput | readonly CertificateInput[];
  /**
   * Whom to trust. Of a server: its clients need certificates then. Default of optionsForClientTLS(): platformTrust(); a client
   * with CertificateOptions without it trusts nobody.
   */
  readonly trustRoot?: TrustRootLike;
  /** PEM of lists of revoked certificates. With one, each certificate of a peer's chain needs its authority's list. */
  readonly crls?: string | Uint8Array;
  /**
   * Of a server: whether its clients have certificates. Default "require" with a trustRoot, "none" without. A client with
   * these options verifies its server whatever this is.
   */
  readonly clientCertificate?: PeerCertificate;
  /** ALPN, in order of preference. */
  readonly acceptableProtocols?: readonly string[];
  /** The least version, if it is not 1.2. */
  readonly raiseMinimumTo?: TLSVersion;
  readonly lowerMaximumSecurityTo?: TLSVersion;
  /**
   * Ciphers of TLS 1.2, as OpenSSL writes them, without "@SECLEVEL", which is `securityLevel`. Those without encryption or
   * authentication are left out.
   */
  readonly acceptableCiphers?: string;
  /** Ciphers of TLS 1.3. */
  readonly cipherSuites?: string;
  /** Of the key exchange, the preferred first. */
  readonly groups?: readonly string[];
  readonly signatureAlgorithms?: readonly string[];
  /** OpenSSL's, 0 to 5. Default 2. */
  readonly securityLevel?: number;
  /**
   * Of a server: other options for clients that announce these names: a host, or "*." and the rest of one. Those have no
   * `serverNames` and no `onClient` of their own.
   */
  readonly serverNames?: Readonly<Record<string, CertificateOptions>>;
  /** Of a server: is asked about each client, in the place of serverNames; so must not be those that it answers. May answer later. */
  readonly onClient?: (wish: ClientWish) => ServerNameAnswer | PromiseLike<ServerNameAnswer>;
  /** Of a server: DER of the OCSP response that it staples. */
  readonly ocspResponse?: Uint8Array;
  /** Of a client: ask the server for one, and refuse the server if it sends another than a good one. Default false. */
  readonly requestOCSP?: boolean;
  /** Of a client: ask for one, and refuse a server that sends none, too. Default false. Not over node:tls. */
  readonly requireOCSP?: boolean;
  /** Whether sessions are resumed. Default true. */
  readonly sessionTickets?: boolean;
  /** Seconds for which a session can be resumed. Default 7,200. */
  readonly sessionLifetime?: number;
  /** Of a server: 80 bytes each, the first seals: share them between the processes of one service, and change them daily. */
  readonly ticketKeys?: readonly Uint8Array[];
  /** Seconds from the connection until the handshake must be done. Default 30. */
  readonly handshakeTimeout?: number;
  /**
   * Is given the secrets of each connection, as NSS writes them: whoever has them can read everything. Of clients that get other
   * options (serverNames, onClient), those options' own is called, or none.
   */
  readonly keyLog?: (lines: string) => void;
}

const VERSION: Kind = oneOf("TLSv1.2", "TLSv1.3");
const TRUST_ROOT: Kind = {
  accepts: "a certificate, or the result of platformTrust() or trustRootFromCertificates()",
  typed: (value) => value instanceof TrustRoot || certificateInput.typed(value),
};
const OPTIONS_BY_NAME: Kind = {
  accepts: "an object with CertificateOptions under names of hosts",
  typed: (value) => Object.prototype.toString.call(value) === "[object Object]",
};
/** An empty one would not be none to OpenSSL, but its own defaults. */
const LIST: Kind = {
  accepts: "a list of strings, not an empty one",
  typed: isTexts,
  inRange: (list: readonly string[]) => list.length > 0,
};
const CIPHER_LIST: Kind = {
  accepts: "a list of ciphers as OpenSSL writes it, not an empty one",
  typed: text.typed,
  inRange: (list: string) => list.trim() !== "",
};
/** Ciphers that no list allows: by an anonymous one a server would be believed without a certificate, and one is none. */
const NEVER = "!aNULL:!eNULL";
const PROTOCOLS: Kind = {
  accepts: "a list of names of 1 to 255 bytes, as ALPN has them",
  typed: isTexts,
  inRange: (list: readonly string[]) =>
    list.every((each) => each.length > 0 && Buffer.byteLength(each) <= PROTOCOL_BYTES_MAX),
};

const KINDS: OptionKinds<CertificateOptionsInit> = {
  privateKey: keyInput,
  certificate: certificateInput,
  passphrase: bytes,
  extraCertChain: certificateInputs,
  trustRoot: TRUST_ROOT,
  crls: bytes,
  clientCertificate: oneOf("none", "request", "require"),
  acceptableProtocols: PROTOCOLS,
  raiseMinimumTo: VERSION,
  lowerMaximumSecurityTo: VERSION,
  acceptableCiphers: CIPHER_LIST,
  cipherSuites: CIPHER_LIST,
  groups: LIST,
  signatureAlgorithms: LIST,
  securityLevel: integer(0, 5),
  serverNames: OPTIONS_BY_NAME,
  onClient: callable,
  ocspResponse: byteArray,
  requestOCSP: flag,
  requireOCSP: flag,
  sessionTickets: flag,
  sessionLifetime: seconds,
  ticketKeys: byteArrays,
  handshakeTimeout: seconds,
  keyLog: callable,
};

const ANSWER: OptionKinds<ServerNameAnswer> = {
  options: {
    accepts: "CertificateOptions, or null",
    typed: (value) => value === null || value instanceof CertificateOptions,
  },
  protocol: text,
};

/** The options of TLS for servers, and for clients that verify no name: those use {@link optionsForClientTLS}. */
export class CertificateOptions implements ContextFactory {
  readonly #security: PolicySecurity;

  /** @throws TypeError | RangeError | TLSOptionsError */
  constructor(options: CertificateOptionsInit = {}) {
    const checked = checkOptions<CertificateOptionsInit>(`new ${new.target.name}(options)`, options, KINDS);
    this.#security = new PolicySecurity(new Policy(policyOptions(checked)));
  }

  /** @internal */
  get [SECURITY](): Security {
    return this.#security;
  }

  /** @internal */
  static policyOf(options: CertificateOptions): Policy {
    return options.#security.policy;
  }
}

/** A key and a certificate in two files of PEM: the simplest server. Twisted's name. */
export class DefaultOpenSSLContextFactory extends CertificateOptions {
  /** @throws TLSOptionsError; what node:fs throws when a file cannot be read */
  constructor(privateKeyFileName: string, certificateFileName: string) {
    const call = "new DefaultOpenSSLContextFactory(privateKeyFileName, certificateFileName)";
    check(call, "privateKeyFileName", privateKeyFileName, text);
    check(call, "certificateFileName", certificateFileName, text);
    const privateKey = readFileSync(privateKeyFileName);
    try {
      super({ privateKey, certificate: readFileSync(certificateFileName) });
    } finally {
      privateKey.fill(0);
    }
  }
}

/** The options of a client. */
export interface ClientTLSOptions
  extends Pick<
    CertificateOptionsInit,
    | "trustRoot"
    | "acceptableProtocols"
    | "crls"
    | "raiseMinimumTo"
    | "lowerMaximumSecurityTo"
    | "acceptableCiphers"
    | "cipherSuites"
    | "groups"
    | "signatureAlgorithms"
    | "securityLevel"
    | "requestOCSP"
    | "requireOCSP"
    | "sessionTickets"
    | "handshakeTimeout"
    | "keyLog"
  > {
  /** What the client shows when the server asks for its certificate. */
  readonly clientCertificate?: PrivateCertificateLike;
  /** Believe any certificate: whoever is on the way can read and change everything. For tests. Default false. */
  readonly dangerouslyVerifyNothing?: boolean;
}

const CLIENT_KINDS: OptionKinds<ClientTLSOptions> = {
  trustRoot: KINDS.trustRoot,
  acceptableProtocols: KINDS.acceptableProtocols,
  crls: KINDS.crls,
  raiseMinimumTo: KINDS.raiseMinimumTo,
  lowerMaximumSecurityTo: KINDS.lowerMaximumSecurityTo,
  acceptableCiphers: KINDS.acceptableCiphers,
  cipherSuites: KINDS.cipherSuites,
  groups: KINDS.groups,
  signatureAlgorithms: KINDS.signatureAlgorithms,
  securityLevel: KINDS.securityLevel,
  requestOCSP: KINDS.requestOCSP,
  requireOCSP: KINDS.requireOCSP,
  sessionTickets: KINDS.sessionTickets,
  handshakeTimeout: KINDS.handshakeTimeout,
  keyLog: KINDS.keyLog,
  clientCertificate: { accepts: "a PrivateCertificate", typed: hasKey },
  dangerouslyVerifyNothing: flag,
};

/**
 * The options of a client that talks to `hostname`: the server's certificate must be for that host name or address, and of an
 * authority that is trusted.
 * @throws TypeError | RangeError | TLSOptionsError
 */
export function optionsForClientTLS(hostname: string, options: ClientTLSOptions = {}): ContextFactory {
  const call = "optionsForClientTLS(hostname, options)";
  const {
    clientCertificate,
    dangerouslyVerifyNothing = false,
    ...rest
  } = checkOptions<ClientTLSOptions>(call, options, CLIENT_KINDS);
  if (dangerouslyVerifyNothing && rest.requireOCSP) {
    throw new TLSOptionsError("There is requireOCSP with dangerouslyVerifyNothing: no response would be verified.");
  }
  const name = verifiedName(call, hostname);
  const own = clientCertificate === undefined ? {} : { certificate: clientCertificate };
  const policy: PolicyOptions = {
    ...policyOptions({ trustRoot: platformTrust(), ...rest, ...own }),
    verifiesNothing: dangerouslyVerifyNothing,
    name: dangerouslyVerifyNothing ? "" : name,
    // An address is no name (RFC 6066, 3).
    announced: isIP(name) > 0 ? "" : name,
  };
  return { [SECURITY]: new PolicySecurity(new Policy(policy)) };
}

function policyOptions(options: CertificateOptionsInit): PolicyOptions {
  const { trustRoot, crls, serverNames, onClient, raiseMinimumTo, lowerMaximumSecurityTo } = options;
  if (raiseMinimumTo === "TLSv1.3" && lowerMaximumSecurityTo === "TLSv1.2") {
    throw new TLSOptionsError("raiseMinimumTo is above lowerMaximumSecurityTo: no version of TLS is left.");
  }
  if (crls !== undefined && trustRoot === undefined) {
    throw new TLSOptionsError("There are crls without a trustRoot: no peer's certificate would be looked up in them.");
  }
  const { clientCertificate = "none" } = options;
  if (clientCertificate !== "none" && trustRoot === undefined) {
    throw new TLSOptionsError(
      "There is a clientCertificate without a trustRoot: no client's certificate would be believed.",
    );
  }
  if (options.requireOCSP === true && options.requestOCSP === false) {
    throw new TLSOptionsError("There is requireOCSP without requestOCSP: no server sends what it is not asked for.");
  }
  if (options.acceptableCiphers?.includes("@")) {
    throw new TLSOptionsError(
      'acceptableCiphers has a "@": the level of security is securityLevel\'s, the order your own.',
    );
  }
  const roots = trustRoot === undefined ? undefined : trustRootFrom(trustRoot).roots;
  const identity = identityOf(options);
  const names = serverNameRules(serverNames ?? {}, nestedPolicy);
  return defined({
    identities: identity === undefined ? undefined : [identity],
    roots: roots && { ...roots, revoked: crls === undefined ? "" : Buffer.from(crls).toString("latin1") },
    peer: options.clientCertificate ?? (roots === undefined ? undefined : "require"),
    minVersion: raiseMinimumTo,
    maxVersion: lowerMaximumSecurityTo,
    securityLevel: options.securityLevel,
    ciphers: options.acceptableCiphers && `${options.acceptableCiphers}:${NEVER}`,
    suites: options.cipherSuites,
    // Copies: what the program does with its own afterwards, such as wiping keys, changes no options.
    groups: options.groups && [...options.groups],
    signatureAlgorithms: options.signatureAlgorithms && [...options.signatureAlgorithms],
    protocols: options.acceptableProtocols && [...options.acceptableProtocols],
    sessionSeconds: options.sessionLifetime,
    tickets: options.sessionTickets,
    ticketKeys: options.ticketKeys && copiedKeys(options.ticketKeys),
    ocspResponse: options.ocspResponse && Buffer.from(options.ocspResponse),
    requestsOcsp: options.requireOCSP ? true : options.requestOCSP,
    requiresOcsp: options.requireOCSP,
    handshakeSeconds: options.handshakeTimeout,
    names: names.size === 0 ? undefined : names,
    keyLog: options.keyLog,
    choose: onClient && chooserOf(onClient),
  });
}

type OnClient = NonNullable<CertificateOptionsInit["onClient"]>;

function chooserOf(onClient: OnClient): NonNullable<PolicyOptions["choose"]> {
  const choose = async (wish: ClientWish) => {
    const answer = await onClient(wish);
    // Null is no answer: whoever means a refusal by it must not be served.
    const given = answer === undefined ? {} : answer;
    const { options, protocol = "" } = checkOptions<ServerNameAnswer>("The answer of onClient(wish)", given, ANSWER);
    if (options === undefined) return { protocol };
    if (options === null) return { policy: null };
    // Those that were asked may be the answer as well.
    const policy = CertificateOptions.policyOf(options);
    if (policy.options.choose !== choose) ensurePlain(policy, "The options that onClient(wish) answers");
    return { policy, protocol };
  };
  return choose;
}

function nestedPolicy(options: unknown, what: string): Policy {
  if (!(options instanceof CertificateOptions)) throw new TypeError(`${what} must be CertificateOptions.`);
  const policy = CertificateOptions.policyOf(options);
  ensurePlain(policy, what);
  return policy;
}

/** Of options that others choose: what these would choose themselves is not asked any more. @throws TLSOptionsError */
function ensurePlain({ options: { names, choose } }: Policy, what: string): void {
  if (names === undefined && choose === undefined) return;
  throw new TLSOptionsError(`${what} have serverNames or onClient of their own, which nobody would ask.`);
}

/** A name, a key for HMAC-SHA256 and one for AES-256-CBC. */
const TICKET_KEY_LENGTH = 80;

/** The message has nothing of what came. */
function copiedKeys(keys: readonly Uint8Array[]): Uint8Array[] {
  if (keys.every((key) => key.length === TICKET_KEY_LENGTH)) {
    return keys.map((key) => Uint8Array.from(key));
  }
  throw new TLSOptionsError("ticketKeys must be an array of keys, each a Uint8Array of 80 bytes.");
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Without what is undefined. */
function defined(options: { [K in keyof PolicyOptions]: PolicyOptions[K] | undefined }): PolicyOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as PolicyOptions;
}
