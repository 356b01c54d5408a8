/**
 * The text form of the PROXY header: `PROXY TCP4 192.0.2.1 192.0.2.2 54321 80`, CR LF.
 * @see https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt section 2.1
 */
import { isIPv4, isIPv6 } from "node:net";
import { IPv4Address, IPv6Address } from "../../internet/address.ts";
import type { Address } from "../../internet/interfaces.ts";
import { quoted } from "../../logger/printable.ts";
import {
  InvalidNetworkProtocol,
  InvalidProxyHeader,
  inetAddress,
  MissingAddressData,
  type ProxyInfo,
  UNKNOWN,
} from "./info.ts";

/** The first bytes of every header. */
export const V1_PREFIX: Buffer = Buffer.from("PROXY ");
/** The length of the longest header in bytes, including CR LF. */
export const V1_MAX = 107;

/** Parse a header, without its CR LF. @throws InvalidProxyHeader */
export function parseV1(line: string): ProxyInfo {
  const [proxy, protocol, ...addresses] = line.split(" ");
  if (proxy !== "PROXY") throw new InvalidProxyHeader(`A PROXY header begins with "PROXY ", not ${quoted(line)}.`);
  if (protocol === "UNKNOWN") return UNKNOWN;
  if (protocol !== "TCP4" && protocol !== "TCP6") {
    throw new InvalidNetworkProtocol(
      `The PROXY header ${quoted(line)} names an unknown protocol: it must be TCP4, TCP6 or UNKNOWN.`,
    );
  }
  if (addresses.length < 4) {
    throw new MissingAddressData(
      `The PROXY header ${quoted(line)} lacks addresses or ports: it must have two of each.`,
    );
  }
  if (addresses.length > 4)
    throw new InvalidProxyHeader(`The PROXY header ${quoted(line)} has extra words after its ports.`);
  const [source, destination, sourcePort, destinationPort] = addresses as [string, string, string, string];
  return {
    source: address(protocol, source, sourcePort, line),
    destination: address(protocol, destination, destinationPort, line),
  };
}

function address(protocol: "TCP4" | "TCP6", host: string, port: string, line: string): Address {
  // The specification forbids leading zeros.
  if (!/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65_535) {
    throw new InvalidProxyHeader(`The PROXY header ${quoted(line)} has an invalid port: ${quoted(port)}.`);
  }
  if (!(protocol === "TCP4" ? isIPv4(host) : isIPv6(host) && !host.includes("%"))) {
    throw new InvalidProxyHeader(`The PROXY header ${quoted(line)} has no ${protocol} address in ${quoted(host)}.`);
  }
  if (protocol === "TCP4") return new IPv4Address("TCP", host, Number(port));
  return inetAddress("TCP", host, Number(port));
}

/** The header of a connection; `UNKNOWN` unless both addresses are TCP over the same version of IP. */
export function encodeV1({ source, destination }: ProxyInfo): Buffer {
  for (const [protocol, Kind] of [
    ["TCP4", IPv4Address],
    ["TCP6", IPv6Address],
  ] as const) {
    if (source instanceof Kind && destination instanceof Kind && source.type === "TCP") {
      const hosts = `${withoutZone(source.host)} ${withoutZone(destination.host)}`;
      return Buffer.from(`PROXY ${protocol} ${hosts} ${source.port} ${destination.port}\r\n`);
    }
  }
  return Buffer.from("PROXY UNKNOWN\r\n");
}

/** The host without its zone, which is meaningful only on the local machine. */
export function withoutZone(host: string): string {
  const zone = host.indexOf("%");
  return zone < 0 ? host : host.slice(0, zone);
}
