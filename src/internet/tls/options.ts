/** The options of TLS. Names and semantics follow twisted.internet.ssl. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { checkOptions, type OptionKinds } from "../arguments/check.ts";
import { callable, flag, integer, type Kind, object, oneOf, seconds, text } from "../arguments/kinds.ts";
import { PROTOCOL_BYTES_MAX } from "./alpn.ts";
import { PolicySecurity } from "./connection.ts";
import { TLSOptionsError } from "./errors.ts";
import { type CertificateInput, identityOf, type KeyInput, type PrivateCertificateLike } from "./identity.ts";
import { type ClientWish, type PeerCertificate, Policy, type PolicyOptions, type TLSVersion } from "./policy.ts";
import { type ContextFactory, SECURITY, type Security } from "./seam.ts";
import { platformTrust, type TrustRootLike, trustRootFrom } from "./trust.ts";

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
  /** Whom to trust. Of a server: its clients need certificates then. Default of a client: platformTrust(). */
  readonly trustRoot?: TrustRootLike;
  /** PEM of lists of revoked certificates. With one, each certificate of a peer's chain needs its authority's list. */
  readonly crls?: string | Uint8Array;
  /** Of a server: whether its clients have certificates. Default "require" with a trustRoot, "none" without. */
  readonly clientCertificate?: PeerCertificate;
  /** ALPN, in order of preference. */
  readonly acceptableProtocols?: readonly string[];
  /** The least version, if it is not 1.2. */
  readonly raiseMinimumTo?: TLSVersion;
  readonly lowerMaximumSecurityTo?: TLSVersion;
  /** Ciphers of TLS 1.2, as OpenSSL writes them. */
  readonly acceptableCiphers?: string;
  /** Ciphers of TLS 1.3. */
  readonly cipherSuites?: string;
  /** Of the key exchange, the preferred first. */
  readonly groups?: readonly string[];
  readonly signatureAlgorithms?: readonly string[];
  /** OpenSSL's, 0 to 5. Default 2. */
  readonly securityLevel?: number;
  /** Of a server: other options for clients that announce these names: a host, or "*." and the rest of one. */
  readonly serverNames?: Readonly<Record<string, CertificateOptions>>;
  /** Of a server: is asked about each client, in the place of serverNames. May answer later. */
  readonly onClient?: (wish: ClientWish) => ServerNameAnswer | PromiseLike<ServerNameAnswer>;
  /** Of a server: DER of the OCSP response that it staples. */
  readonly ocspResponse?: Uint8Array;
  /** Of a client: ask the server for one. */
  readonly requestOCSP?: boolean;
  /** Whether sessions are resumed. Default true. */
  readonly sessionTickets?: boolean;
  /** Seconds for which a session can be resumed. Default 7,200. */
  readonly sessionLifetime?: number;
  /** Of a server: 80 bytes each, the first seals: share them between the processes of one service, and change them daily. */
  readonly ticketKeys?: readonly Uint8Array[];
  /** Seconds from the connection until the handshake must be done. Default 30. */
  readonly handshakeTimeout?: number;
  /** Is given the secrets of each connection, as NSS writes them: whoever has them can read everything. */
  readonly keyLog?: (lines: string) => void;
}

const VERSION: Kind = oneOf("TLSv1.2", "TLSv1.3");
const ANYTHING: Kind = { accepts: "something", typed: (value) => value !== null };
const LIST: Kind = { accepts: "a list of strings", typed: isTexts };
const PROTOCOLS: Kind = {
  accepts: "a list of names of 1 to 255 bytes, as ALPN has them",
  typed: isTexts,
  inRange: (list: readonly string[]) =>
    list.every((each) => each.length > 0 && Buffer.byteLength(each) <= PROTOCOL_BYTES_MAX),
};

const KINDS: OptionKinds<CertificateOptionsInit> = {
  privateKey: ANYTHING,
  certificate: ANYTHING,
  passphrase: ANYTHING,
  extraCertChain: ANYTHING,
  trustRoot: ANYTHING,
  crls: ANYTHING,
  clientCertificate: oneOf("none", "request", "require"),
  acceptableProtocols: PROTOCOLS,
  raiseMinimumTo: VERSION,
  lowerMaximumSecurityTo: VERSION,
  acceptableCiphers: text,
  cipherSuites: text,
  groups: LIST,
  signatureAlgorithms: LIST,
  securityLevel: integer(0, 5),
  serverNames: object,
  onClient: callable,
  ocspResponse: ANYTHING,
  requestOCSP: flag,
  sessionTickets: flag,
  sessionLifetime: seconds,
  ticketKeys: ANYTHING,
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
    super({ privateKey: readFileSync(privateKeyFileName), certificate: readFileSync(certificateFileName) });
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
  sessionTickets: KINDS.sessionTickets,
  handshakeTimeout: KINDS.handshakeTimeout,
  keyLog: KINDS.keyLog,
  clientCertificate: ANYTHING,
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
  const name = verifiedName(call, hostname);
  const own = clientCertificate === undefined ? {} : { certificate: clientCertificate };
  const policy: PolicyOptions = {
    ...policyOptions({ trustRoot: platformTrust(), ...rest, ...own }),
    peer: dangerouslyVerifyNothing ? "none" : "require",
    name: dangerouslyVerifyNothing ? "" : name,
    // An address is no name (RFC 6066, 3).
    announced: isIP(name) > 0 ? "" : name,
  };
  return { [SECURITY]: new PolicySecurity(new Policy(policy)) };
}

/** What no name of a host has (URL Standard, 3.2): domainToASCII() would leave it out, with all that stands behind it. */
const NO_HOST = /[\p{Cc} #%/:<>?@[\\\]^|]/u;

/** As certificates have it: in ASCII, without the dot at its end. */
function verifiedName(call: string, hostname: unknown): string {
  if (typeof hostname !== "string" || hostname === "") {
    throw new TypeError(`${call} needs the host name or address that the server's certificate must be for.`);
  }
  const address = hostname.replace(/^\[(.*:.*)\]$/, "$1").replace(/%.*$/, "");
  if (isIP(address) > 0) return address;
  const name = hostname.replace(/\.$/, "");
  const ascii = NO_HOST.test(name) ? "" : domainToASCII(name);
  // "127.1" becomes an address, which is not what was asked for; ".example.com" is any name below to OpenSSL.
  if (isIP(ascii) > 0 || ascii.split(".").includes("")) {
    throw new RangeError(`${call}: ${JSON.stringify(hostname.slice(0, 80))} is neither a host name nor an IP address.`);
  }
  return ascii;
}

function policyOptions(options: CertificateOptionsInit): PolicyOptions {
  const { trustRoot, crls, serverNames, onClient, raiseMinimumTo, lowerMaximumSecurityTo } = options;
  if (raiseMinimumTo === "TLSv1.3" && lowerMaximumSecurityTo === "TLSv1.2") {
    throw new TLSOptionsError("raiseMinimumTo is above lowerMaximumSecurityTo: no version of TLS is left.");
  }
  const roots = trustRoot === undefined ? undefined : trustRootFrom(trustRoot).roots;
  const identity = identityOf(options);
  const names = Object.entries(serverNames ?? {}).map(
    ([name, other]) => [name.toLowerCase(), CertificateOptions.policyOf(other)] as const,
  );
  return defined({
    identities: identity === undefined ? undefined : [identity],
    roots: roots && { ...roots, revoked: crls === undefined ? "" : Buffer.from(crls).toString("latin1") },
    peer: options.clientCertificate ?? (roots === undefined ? undefined : "require"),
    minVersion: raiseMinimumTo,
    maxVersion: lowerMaximumSecurityTo,
    securityLevel: options.securityLevel,
    ciphers: options.acceptableCiphers,
    suites: options.cipherSuites,
    groups: options.groups,
    signatureAlgorithms: options.signatureAlgorithms,
    protocols: options.acceptableProtocols,
    sessionSeconds: options.sessionLifetime,
    tickets: options.sessionTickets,
    ticketKeys: options.ticketKeys,
    ocspResponse: options.ocspResponse,
    requestsOcsp: options.requestOCSP,
    handshakeSeconds: options.handshakeTimeout,
    names: names.length === 0 ? undefined : new Map(names),
    keyLog: options.keyLog,
    choose:
      onClient &&
      (async (wish: ClientWish) => {
        const answer = checkOptions<ServerNameAnswer>(
          "The answer of onClient(wish)",
          (await onClient(wish)) ?? {},
          ANSWER,
        );
        const { options: chosen, protocol = "" } = answer;
        if (chosen === undefined) return { protocol };
        return { policy: chosen === null ? null : CertificateOptions.policyOf(chosen), protocol };
      }),
  });
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Without what is undefined. */
function defined(options: { [K in keyof PolicyOptions]: PolicyOptions[K] | undefined }): PolicyOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as PolicyOptions;
}
