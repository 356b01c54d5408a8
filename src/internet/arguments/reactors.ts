/** Checks what reactors and endpoints are given. */
import type { ConnectTCPOptions, ListenTCPOptions } from "../interfaces.ts";
import { check, checkOptions } from "./check.ts";
import { described, has, missingMethod } from "./described.ts";
import { ensureClientFactory, ensureFactory } from "./factories.ts";
import { flag, integer, type Kind, localAddress, port as portKind, seconds, text } from "./kinds.ts";

/** What the C int of listen(2) holds. */
const MAX_BACKLOG = 2 ** 31 - 1;

const LISTEN_OPTIONS: Record<keyof ListenTCPOptions, Kind> = {
  backlog: integer(0, MAX_BACKLOG),
  interface: text,
  reusePort: flag,
};

const CONNECT_OPTIONS: Record<keyof ConnectTCPOptions, Kind> = { timeout: seconds, bindAddress: localAddress };

/**
 * Check what listenTCP() was given.
 * @returns the options, copied
 * @throws RangeError for a port or a backlog that is out of range; TypeError for the rest
 */
export function ensureListenTCP(port: unknown, factory: unknown, options: unknown): ListenTCPOptions {
  check("listenTCP(port, factory)", "port", port, portKind);
  ensureFactory("listenTCP(port, factory)", factory);
  return ensureListenOptions("listenTCP(port, factory, options)", options);
}

export function ensureListenOptions(call: string, options: unknown): ListenTCPOptions {
  return checkOptions<ListenTCPOptions>(call, options, LISTEN_OPTIONS);
}

/**
 * Check what connectTCP() was given.
 * @returns the options, copied
 * @throws RangeError for a port, a timeout or a local address that is out of range; TypeError for the rest
 */
export function ensureConnectTCP(host: unknown, port: unknown, factory: unknown, options: unknown): ConnectTCPOptions {
  ensureHost("connectTCP(host, port, factory)", host, port);
  ensureClientFactory("connectTCP(host, port, factory)", factory);
  return ensureConnectOptions("connectTCP(host, port, factory, options)", options);
}

export function ensureConnectOptions(call: string, options: unknown): ConnectTCPOptions {
  return checkOptions<ConnectTCPOptions>(call, options, CONNECT_OPTIONS);
}

/** Check where to connect to. @throws TypeError | RangeError */
export function ensureHost(call: string, host: unknown, port: unknown): void {
  if (typeof host !== "string") {
    throw new TypeError(`${call} needs a host, as in "localhost", not ${described(host)}.`);
  }
  check(call, "port", port, portKind);
}

/** Check that `reactor` has `method`. @throws TypeError */
export function ensureReactor(call: string, reactor: unknown, method: string): void {
  if (has(reactor, method)) return;
  throw new TypeError(`${call} needs a reactor, as the one that "skein/reactor" exports, not ${described(reactor)}.`);
}

/** Check what serverFromString() and its like were given; `method` is what is asked of the reactor. @throws TypeError */
export function ensureDescription(name: string, reactor: unknown, method: string, description: unknown): void {
  const call = `${name}(reactor, description)`;
  ensureReactor(call, reactor, method);
  if (typeof description !== "string") {
    throw new TypeError(`${call} needs a string, as in "tcp:8080", not ${described(description)}.`);
  }
}

// --- what a reactor watches ------------------------------------------------------------------------------------------

const FILE_DESCRIPTOR = ["fileno", "connectionLost", "logPrefix"];

/** Check what addReader() was given. @throws TypeError */
export function ensureReader(reader: unknown): void {
  ensureDescriptor("addReader(reader)", reader, "doRead");
}

/** Check what addWriter() was given. @throws TypeError */
export function ensureWriter(writer: unknown): void {
  ensureDescriptor("addWriter(writer)", writer, "doWrite");
}

function ensureDescriptor(call: string, object: unknown, own: string): void {
  const missing = has(object, own) ? missingMethod(object, FILE_DESCRIPTOR) : own;
  if (missing === undefined) return;
  throw new TypeError(
    `${call} needs an object with ${[own, ...FILE_DESCRIPTOR].join("(), ")}(): ${described(object)} has no ${missing}().`,
  );
}
