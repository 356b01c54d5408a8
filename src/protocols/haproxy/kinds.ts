/** The kinds of arguments of the PROXY protocol. */
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
};

/** The version of a header. */
export const VERSION: Kind = {
  accepts: "1 or 2",
  typed: (value) => typeof value === "number",
  inRange: (value: number) => value === 1 || value === 2,
};

function isAddressOrNull(value: unknown): boolean {
  return value === null || value instanceof IPv4Address || value instanceof IPv6Address || value instanceof UNIXAddress;
}
