/** The kinds of arguments of the PROXY protocol. */
import { isIPv4, isIPv6 } from "node:net";
import { IPv4Address, IPv6Address, UNIXAddress } from "../../internet/address.ts";
import type { Kind } from "../../internet/arguments/kinds.ts";
import type { ProxyInfo } from "./info.ts";

/** The contents of a header. */
export const PROXY_INFO: Kind = {
  accepts: "an object with the addresses source and destination, each of which may be null",
  typed: (value) => {
    const { source, destination } = (value ?? {}) as Partial<ProxyInfo>;
    return isAddressOrNull(source) && isAddressOrNull(destination);
  },
  // Any other text would be written into the header as it is.
  inRange: ({ source, destination }: ProxyInfo) => [source, destination].every(isLiteral),
  hint: (value) => (PROXY_INFO.typed(value) ? ": the hosts must be IP addresses" : ""),
};

/** The version of a header. */
export const VERSION: Kind = {
  accepts: "1 or 2",
  typed: (value) => typeof value === "number",
  inRange: (value: number) => value === 1 || value === 2,
};

function isLiteral(address: ProxyInfo["source"]): boolean {
  if (address instanceof IPv4Address) return isIPv4(address.host);
  return address instanceof IPv6Address ? isIPv6(address.host) : true;
}

function isAddressOrNull(value: unknown): boolean {
  return value === null || value instanceof IPv4Address || value instanceof IPv6Address || value instanceof UNIXAddress;
}
