/** The options of ports behind a proxy, and whom they trust. */
import { UNIXAddress } from "../../internet/address.ts";
import { checkOptions, type OptionKinds } from "../../internet/arguments/check.ts";
import { clock, count, type Kind, orNull, seconds } from "../../internet/arguments/kinds.ts";
import type { Address } from "../../internet/interfaces.ts";
import { type Networks, parseNetworks } from "../../internet/networks.ts";
import type { ReactorTime } from "../../internet/time.ts";

/** Whose headers are believed, and how they are read. */
export interface ProxyOptions {
  /**
   * The proxies: addresses and networks, as in `["10.0.0.0/8", "192.0.2.7", "fd00::/8"]`; `"unix"` among them stands for
   * every peer of a UNIX socket. Connections of others are closed before a byte is read. `"any"` believes whoever reaches
   * the port.
   */
  readonly trusted: "any" | readonly string[];
  /** Seconds until the complete header must have arrived; null: no timeout. Default 3. */
  readonly timeout?: number | null;
  /**
   * How many connections may wait for their headers at a time, in one factory. With one more, one is closed: of the proxy
   * that has most of them the one that has waited longest, since an honest proxy sends the header at once. Default 256.
   */
  readonly maxWaiting?: number;
  /** Measures the timeout. Default: the installed reactor. */
  readonly clock?: ReactorTime | null;
}

/** The specification wants at least 3 seconds, which lets a lost segment be sent again. */
export const TIMEOUT_SECONDS = 3;
export const WAITING_MAX = 256;

const UNIX = "unix";
const ANY = "any";

const TRUSTED: Kind = {
  accepts: 'a list of addresses and networks, such as ["10.0.0.0/8", "192.0.2.7"], or "any"',
  typed: (value) => value === ANY || (Array.isArray(value) && value.every((each) => typeof each === "string")),
  inRange: (value: readonly string[]) => value.length > 0,
  hint: (value) => (Array.isArray(value) && value.length === 0 ? ": an empty list would refuse everyone" : ""),
};

const OPTIONS: OptionKinds<ProxyOptions> = {
  trusted: TRUSTED,
  timeout: orNull(seconds),
  maxWaiting: count(1),
  clock: orNull(clock),
};

/** Options that were checked. */
export interface CheckedOptions {
  readonly trusts: (peer: Address | UNIXAddress) => boolean;
  readonly timeout: number | null;
  readonly maxWaiting: number;
  readonly clock: ReactorTime | null;
}

/** Check options. @throws TypeError | RangeError */
export function ensureProxyOptions(call: string, options: unknown): CheckedOptions {
  const checked = checkOptions<Partial<ProxyOptions>>(call, options ?? {}, OPTIONS);
  const { trusted, timeout = TIMEOUT_SECONDS, maxWaiting = WAITING_MAX, clock: given = null } = checked;
  if (trusted === undefined) {
    throw new TypeError(
      `${call} needs options.trusted, the proxies that may say who the client is, as in ` +
        '{ trusted: ["10.0.0.0/8", "192.0.2.7"] } for addresses and networks, { trusted: ["unix"] } for UNIX sockets, or ' +
        '{ trusted: "any" } to believe whoever reaches the port.',
    );
  }
  return { trusts: trust(call, trusted), timeout, maxWaiting, clock: given };
}

/** @throws RangeError for what is no network */
function trust(call: string, trusted: "any" | readonly string[]): CheckedOptions["trusts"] {
  if (trusted === ANY) return () => true;
  const unix = trusted.includes(UNIX);
  const networks = networksOf(
    call,
    trusted.filter((each) => each !== UNIX),
  );
  return (peer) => (peer instanceof UNIXAddress ? unix : networks.has(peer.host));
}

function networksOf(call: string, trusted: readonly string[]): Networks {
  if (trusted.includes(ANY))
    throw new RangeError(`${call}: "any" in options.trusted must stand alone: trusted: "any".`);
  try {
    return parseNetworks(...trusted);
  } catch (error) {
    throw new RangeError(`${call}: options.trusted: ${(error as Error).message}`);
  }
}
