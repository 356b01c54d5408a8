/** The options of a SOCKS server, and their defaults. */
import { checkOptions, type OptionKinds } from "../../internet/arguments/check.ts";
import { count, flag, seconds, texts } from "../../internet/arguments/kinds.ts";

/** What a SOCKS server permits, and its limits. Networks are strings such as "10.0.0.0/8", "192.0.2.7" or "::1". */
export interface SOCKSOptions {
  /**
   * The networks that may be reached beside the public Internet. Default: none, so that requests for loopback, link-local,
   * private, multicast and other special addresses are rejected, and those for addresses of this machine.
   * Whatever is allowed, the ports of SOCKS servers of this program are not reached: those of `skein serve` from the start,
   * others once they have had a client. Nor is, on this machine, the port of the proxy through which the client came.
   */
  readonly allow?: readonly string[];
  /** The networks whose clients are served; others are closed. Default: everyone who can connect. */
  readonly allowFrom?: readonly string[];
  /** The user names that are served. A client says its name and proves nothing: this is no authentication. Default: all. */
  readonly users?: readonly string[];
  /**
   * Serve BIND: listen for one connection, on a port of the address to which the client is connected. Default: false.
   */
  readonly bind?: boolean;
  /** Seconds for sending the request. Default: 10. */
  readonly requestTimeout?: number;
  /** Seconds for the look-up of the name, authorize() and the connection together. Default: 15. */
  readonly connectTimeout?: number;
  /** Seconds for the connection to a port of BIND. Default: 30. */
  readonly bindTimeout?: number;
  /**
   * Seconds in which nothing arrives from either side before both are closed. Default: 300. Infinity: never. Once a side has
   * sent FIN it is 30 s.
   */
  readonly idleTimeout?: number;
  /** How many requests are served at once, relays included until both sides are lost. Default: 512. */
  readonly maxRelays?: number;
  /** How many ports listen at once for BIND. Default: 16. */
  readonly maxBinds?: number;
  /** How many of these for one peer, an IPv4 address or the /64 network of an IPv6 address. Default: 2. */
  readonly maxBindsPerPeer?: number;
  /**
   * How many names are looked up at once, one for each peer. Default: 2. Node looks up no more than that at once unless
   * UV_THREADPOOL_SIZE is set: it takes half of these threads, 4 by default.
   */
  readonly maxLookups?: number;
}

const KINDS: OptionKinds<SOCKSOptions> = {
  allow: texts,
  allowFrom: texts,
  users: texts,
  bind: flag,
  requestTimeout: seconds,
  connectTimeout: seconds,
  bindTimeout: seconds,
  idleTimeout: seconds,
  maxRelays: count(1),
  maxBinds: count(1),
  maxBindsPerPeer: count(1),
  maxLookups: count(1),
};

export type SOCKSLimits = Required<Omit<SOCKSOptions, "allow" | "allowFrom" | "users">>;

/** What applies unless an option says otherwise. Times are seconds. */
export const SOCKS_DEFAULTS: SOCKSLimits = {
  bind: false,
  requestTimeout: 10,
  connectTimeout: 15,
  bindTimeout: 30,
  idleTimeout: 300,
  maxRelays: 512,
  maxBinds: 16,
  maxBindsPerPeer: 2,
  maxLookups: 2,
};

/** @throws TypeError | RangeError */
export function checkSOCKSOptions(call: string, options: unknown): SOCKSOptions {
  return checkOptions<SOCKSOptions>(call, options, KINDS);
}
