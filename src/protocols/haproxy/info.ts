/** The contents of a PROXY header, and its errors. */
import { isIPv4, SocketAddress } from "node:net";
import { IPv4Address, IPv6Address, type UNIXAddress } from "../../internet/address.ts";
import { SkeinError } from "../../internet/error.ts";
import type { Address } from "../../internet/interfaces.ts";
import { canonicalAddress } from "../../internet/networks.ts";

/** The addresses in a PROXY header. */
export interface ProxyInfo {
  /** The address of the client; null when the proxy does not send it, as in health checks. */
  readonly source: Address | UNIXAddress | null;
  /** The address that the client connected to; null together with the source. */
  readonly destination: Address | UNIXAddress | null;
}

/**
 * The address in a header over IPv6. An IPv4-mapped one is the IPv4 address, so that whoever compares addresses sees the
 * client under one only; equal addresses have equal texts.
 */
export function inetAddress(type: "TCP" | "UDP", host: string, port: number): IPv4Address | IPv6Address {
  const canonical = canonicalAddress(host);
  if (canonical !== undefined && isIPv4(canonical)) return new IPv4Address(type, canonical, port);
  return new IPv6Address(type, new SocketAddress({ address: host, family: "ipv6" }).address, port);
}

export const UNKNOWN: ProxyInfo = { source: null, destination: null };

/** The received bytes are not a PROXY header. */
export class InvalidProxyHeader extends SkeinError {
  override readonly code: string = "ERR_INVALID_PROXY_HEADER";
}
/** The header names an unknown protocol. */
export class InvalidNetworkProtocol extends InvalidProxyHeader {
  override readonly code: string = "ERR_INVALID_NETWORK_PROTOCOL";
}
/** The header ends before its addresses do. */
export class MissingAddressData extends InvalidProxyHeader {
  override readonly code: string = "ERR_MISSING_ADDRESS_DATA";
}
