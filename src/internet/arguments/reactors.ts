/** Checks the arguments of reactors and endpoints. */
import type { ConnectTCPOptions, ListenTCPOptions } from "../interfaces.ts";
import { localAddress } from "./addresses.ts";
import { check, checkOptions, type OptionKinds } from "./check.ts";
import { described, has, missingMethod } from "./described.ts";
import { ensureClientFactory, ensureFactory } from "./factories.ts";
import { flag, integer, port as portKind, seconds, text, withMethods } from "./kinds.ts";

/** The largest C int, the type of the backlog of listen(2). */
const MAX_BACKLOG = 2 ** 31 - 1;

const LISTEN_OPTIONS: OptionKinds<ListenTCPOptions> = {
  backlog: integer(0, MAX_BACKLOG),
  interface: text,
  reusePort: flag,
};

/** The options of connectTCP(). */
export const CONNECT_OPTIONS: OptionKinds<ConnectTCPOptions> = { timeout: seconds, bindAddress: localAddress };

const SERVER_ENDPOINT = withMethods("an endpoint", "listen");
const CLIENT_ENDPOINT = withMethods("an endpoint", "connect");

/**
 * Check the arguments of listenTCP().
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
 * Check the arguments of connectTCP().
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

/** Check the destination of a connection. @throws TypeError | RangeError */
export function ensureHost(call: string, host: unknown, port: unknown): void {
  if (typeof host !== "string") {
    throw new TypeError(`${call} needs a host, as in "localhost", not ${described(host)}.`);
  }
  check(call, "port", port, portKind);
}

/** Check an endpoint that listens. @throws TypeError */
export function ensureServerEndpoint(call: string, endpoint: unknown): void {
  check(call, "endpoint", endpoint, SERVER_ENDPOINT);
}

/** Check an endpoint that connects. @throws TypeError */
export function ensureClientEndpoint(call: string, endpoint: unknown, name = "endpoint"): void {
  check(call, name, endpoint, CLIENT_ENDPOINT);
}

/** Check that `reactor` has `method`. @throws TypeError */
export function ensureReactor(call: string, reactor: unknown, method: string): void {
  if (has(reactor, method)) return;
  throw new TypeError(
    `${call} needs a reactor, such as the one that "skein/reactor" exports, not ${described(reactor)}.`,
  );
}

/** Check the arguments of serverFromString() and clientFromString(), which call `method` of the reactor. @throws TypeError */
export function ensureDescription(name: string, reactor: unknown, method: string, description: unknown): void {
  const call = `${name}(reactor, description)`;
  ensureReactor(call, reactor, method);
  if (typeof description !== "string") {
    throw new TypeError(`${call} needs a string, as in "tcp:8080", not ${described(description)}.`);
  }
}

// --- descriptors ----------------------------------------------------------------------------------------------------

const FILE_DESCRIPTOR = ["fileno", "connectionLost", "logPrefix"];

/** Check the argument of addReader(). @throws TypeError */
export function ensureReader(reader: unknown): void {
  ensureDescriptor("addReader(reader)", reader, "doRead");
}

/** Check the argument of addWriter(). @throws TypeError */
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
