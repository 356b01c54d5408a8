/** What the clients of one SOCKS server may do, and what they share: the limits of the whole server. */
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import type { ReactorNames } from "../../internet/interfaces.ts";
import { canonicalAddress, isSpecial, type Networks, parseNetworks } from "../../internet/networks.ts";
import type { ReactorTime } from "../../internet/time.ts";
import { Lookups } from "./lookups.ts";
import { SOCKS_DEFAULTS, type SOCKSLimits, type SOCKSOptions } from "./options.ts";

/** Seconds for which the list of this machine's addresses is kept. */
const OWN_SECONDS = 5;

/** Addresses that reach this machine whatever its interfaces are. */
const THIS_MACHINE = parseNetworks("0.0.0.0/8", "127.0.0.0/8", "::", "::1");

/** The ports at which the SOCKS servers of a reactor listen, or have been reached. */
const servedPorts = new WeakMap<object, Set<number>>();

function portsOf(reactor: object): Set<number> {
  const ports = servedPorts.get(reactor) ?? new Set();
  servedPorts.set(reactor, ports);
  return ports;
}

/** A SOCKS server of `reactor` listens at `port`: it is not to be reached from now on. */
export function listensAt(reactor: object, port: number): void {
  portsOf(reactor).add(port);
}

type Interfaces = () => NodeJS.Dict<NetworkInterfaceInfo[]>;

export class SOCKSPolicy {
  readonly limits: SOCKSLimits;
  readonly lookups: Lookups;
  readonly #clock: ReactorTime;
  readonly #allow: Networks;
  readonly #allowFrom: Networks | null;
  readonly #users: ReadonlySet<string> | null;
  readonly #interfaces: Interfaces;
  readonly #ports: Set<number>;
  #own: ReadonlySet<string> = new Set();
  #ownUntil = Number.NEGATIVE_INFINITY;
  #relays = 0;
  #binds = 0;
  readonly #bindsOf = new Map<string, number>();

  /** @throws RangeError for a network that is none */
  constructor(reactor: ReactorNames & ReactorTime, options: SOCKSOptions, interfaces: Interfaces = networkInterfaces) {
    const { allow, allowFrom, users, ...limits } = options;
    this.limits = { ...SOCKS_DEFAULTS, ...limits };
    this.lookups = new Lookups(reactor, this.limits.maxLookups);
    this.#clock = reactor;
    this.#allow = parseNetworks(...(allow ?? []));
    this.#allowFrom = allowFrom === undefined ? null : parseNetworks(...allowFrom);
    this.#users = users === undefined ? null : new Set(users);
    this.#interfaces = interfaces;
    this.#ports = portsOf(reactor);
  }

  /** Whether clients at `host` are served. */
  admits(host: string): boolean {
    return this.#allowFrom?.has(host) ?? true;
  }

  knowsUser(user: string): boolean {
    return this.#users?.has(user) ?? true;
  }

  /** A client's socket is connected to `port` of the server. */
  servesAt(port: number): void {
    this.#ports.add(port);
  }

  /**
   * Why `port` of the IP address `server` must not be reached; null when it may. Throws when nobody can tell whether the address is
   * this machine's.
   * @param proxyPort the port to which the client is connected by what a proxy says: it leads back here, too. A client
   *   may be able to choose it, so it counts for that client only.
   */
  refusal(server: string, port: number, proxyPort?: number): string | null {
    return this.#refusal(server, port, proxyPort, this.#isOwn(server));
  }

  /**
   * The same of a connection that is made, from the address `host`. A route may make an address this machine's that no interface
   * has; the connection to it is from that address then.
   */
  refusalOfMade(host: string, server: string, port: number, proxyPort?: number): string | null {
    const isOwn = (canonicalAddress(host) ?? host) === (canonicalAddress(server) ?? server);
    return isOwn ? this.#refusal(server, port, proxyPort, isOwn) : null;
  }

  #refusal(server: string, port: number, proxyPort: number | undefined, isOwn: boolean): string | null {
    if (isOwn && (port === proxyPort || this.#ports.has(port)))
      return `${server}:${port} is a SOCKS server of this program`;
    if (this.#allow.has(server)) return null;
    if (isSpecial(server))
      return `${server} is a special address, such as a private one, and no network of \`allow\` has it`;
    return isOwn ? `${server} is an address of this machine, and no network of \`allow\` has it` : null;
  }

  /** One more request is served. False: there are too many. */
  enter(): boolean {
    if (this.#relays >= this.limits.maxRelays) return false;
    this.#relays++;
    return true;
  }

  leave(): void {
    this.#relays--;
  }

  /** One more port listens for `peer`. False: there are too many. */
  bind(peer: string): boolean {
    const own = this.#bindsOf.get(peer) ?? 0;
    if (this.#binds >= this.limits.maxBinds || own >= this.limits.maxBindsPerPeer) return false;
    this.#binds++;
    this.#bindsOf.set(peer, own + 1);
    return true;
  }

  unbind(peer: string): void {
    const own = this.#bindsOf.get(peer) ?? 0;
    this.#binds--;
    if (own > 1) this.#bindsOf.set(peer, own - 1);
    else this.#bindsOf.delete(peer);
  }

  #isOwn(server: string): boolean {
    if (THIS_MACHINE.has(server)) return true;
    const now = this.#clock.seconds();
    if (now >= this.#ownUntil) {
      // It throws without a descriptor to ask with: then nothing is allowed.
      const infos = Object.values(this.#interfaces()).flatMap((each) => each ?? []);
      this.#own = new Set(infos.map(({ address }) => canonicalAddress(address) ?? address));
      this.#ownUntil = now + OWN_SECONDS;
    }
    return this.#own.has(canonicalAddress(server) ?? server);
  }
}
