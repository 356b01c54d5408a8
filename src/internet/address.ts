/** Addresses are immutable values: two with equal parts are equal. */

import { isIPv4, isIPv6 } from "node:net";

/** An IPv4 endpoint. */
export class IPv4Address {
  readonly type: "TCP" | "UDP";
  readonly host: string;
  readonly port: number;

  constructor(type: "TCP" | "UDP", host: string, port: number) {
    this.type = type;
    this.host = host;
    this.port = port;
  }

  equals(other: unknown): boolean {
    return (
      other instanceof IPv4Address && other.type === this.type && other.host === this.host && other.port === this.port
    );
  }

  toString(): string {
    return `${this.host}:${this.port}`;
  }
}

/** An IPv6 endpoint. A link-local host keeps its zone, as in `fe80::1%eth0`. */
export class IPv6Address {
  readonly type: "TCP" | "UDP";
  readonly host: string;
  readonly port: number;
  readonly flowInfo: number;
  readonly scopeID: number;

  constructor(type: "TCP" | "UDP", host: string, port: number, flowInfo = 0, scopeID = 0) {
    this.type = type;
    this.host = host;
    this.port = port;
    this.flowInfo = flowInfo;
    this.scopeID = scopeID;
  }

  equals(other: unknown): boolean {
    return (
      other instanceof IPv6Address &&
      other.type === this.type &&
      other.host === this.host &&
      other.port === this.port &&
      other.flowInfo === this.flowInfo &&
      other.scopeID === this.scopeID
    );
  }

  toString(): string {
    return `[${this.host}]:${this.port}`;
  }
}

/** The address that a literal `host` denotes, or undefined when `host` is a name. */
export function literalAddress(host: string, port: number): IPv4Address | IPv6Address | undefined {
  if (isIPv4(host)) return new IPv4Address("TCP", host, port);
  if (isIPv6(host)) return new IPv6Address("TCP", host, port);
  return undefined;
}
