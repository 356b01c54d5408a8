/** Addresses are immutable values: two with equal parts are equal. */

import { isIPv4, isIPv6 } from "node:net";
import { printable } from "../logger/printable.ts";
import { check } from "./arguments/check.ts";
import { integer, oneOf, port as portKind, text } from "./arguments/kinds.ts";

const PORT_MAX = 65_535;
const TYPE = oneOf("TCP", "UDP");
const UINT32 = integer(0, 2 ** 32 - 1);

/** An IPv4 endpoint. */
export class IPv4Address {
  readonly type: "TCP" | "UDP";
  readonly host: string;
  readonly port: number;

  /** @throws TypeError | RangeError */
  constructor(type: "TCP" | "UDP", host: string, port: number) {
    ensureParts("new IPv4Address(type, host, port)", type, host, port);
    this.type = type;
    this.host = host;
    this.port = port;
  }

  equals(other: unknown): boolean {
    return (
      other instanceof IPv4Address && other.type === this.type && other.host === this.host && other.port === this.port
    );
  }

  /** For people: control characters of the host are escaped. */
  toString(): string {
    return `${printable(this.host)}:${this.port}`;
  }
}

/** An IPv6 endpoint. A link-local host keeps its zone, as in `fe80::1%eth0`. */
export class IPv6Address {
  readonly type: "TCP" | "UDP";
  readonly host: string;
  readonly port: number;
  readonly flowInfo: number;
  readonly scopeID: number;

  /** @throws TypeError | RangeError */
  constructor(type: "TCP" | "UDP", host: string, port: number, flowInfo = 0, scopeID = 0) {
    const call = "new IPv6Address(type, host, port, flowInfo, scopeID)";
    ensureParts(call, type, host, port);
    if (flowInfo !== 0) check(call, "flowInfo", flowInfo, UINT32);
    if (scopeID !== 0) check(call, "scopeID", scopeID, UINT32);
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

  /** For people: control characters of the host are escaped. */
  toString(): string {
    return `[${printable(this.host)}]:${this.port}`;
  }
}

/** The address of a UNIX socket. No reactor listens at one yet, but a PROXY header may name one. */
export class UNIXAddress {
  readonly type = "UNIX";
  /** The path of the socket; "" for an unnamed one. */
  readonly name: string;
  /** The same as `name`: other addresses have a `host`. */
  readonly host: string;
  /** A UNIX socket has no port. */
  readonly port = 0;

  /** @throws TypeError */
  constructor(name: string) {
    check("new UNIXAddress(name)", "name", name, text);
    this.name = name;
    this.host = name;
  }

  equals(other: unknown): boolean {
    return other instanceof UNIXAddress && other.name === this.name;
  }

  /** For people: control characters of the name are escaped. */
  toString(): string {
    return `unix:${printable(this.name)}`;
  }
}

/** Each connection makes two addresses: nothing here allocates. @throws TypeError | RangeError */
function ensureParts(call: string, type: unknown, host: unknown, port: unknown): void {
  if (type !== "TCP" && type !== "UDP") check(call, "type", type, TYPE);
  if (typeof host !== "string") check(call, "host", host, text);
  if (!Number.isInteger(port) || (port as number) < 0 || (port as number) > PORT_MAX)
    check(call, "port", port, portKind);
}

/** The address that a literal `host` denotes; undefined when `host` is a name. @throws TypeError | RangeError */
export function literalAddress(host: string, port: number): IPv4Address | IPv6Address | undefined {
  check("literalAddress(host, port)", "host", host, text);
  check("literalAddress(host, port)", "port", port, portKind);
  if (isIPv4(host)) return new IPv4Address("TCP", host, port);
  if (isIPv6(host)) return new IPv6Address("TCP", host, port);
  return undefined;
}
