/** Addresses as arguments. Apart from kinds.ts, which address.ts itself uses. */
import { IPv4Address, IPv6Address, literalAddress } from "../address.ts";
import { type Kind, port } from "./kinds.ts";

export const address: Kind = {
  accepts: "an IPv4Address or an IPv6Address",
  typed: (value) => value instanceof IPv4Address || value instanceof IPv6Address,
};

/** The local end of a connection: `[host, port]`, where the host is a literal address. */
export const localAddress: Kind = {
  accepts: 'a pair of a literal local address and a port, as in ["127.0.0.1", 0]',
  typed: (value) =>
    Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && typeof value[1] === "number",
  inRange: ([host, number]: [string, number]) =>
    (host === "" || literalAddress(host, 0) !== undefined) && port.inRange!(number as never),
};
