/**
 * The PROXY protocol: a proxy starts each connection with a header that contains the addresses of the original connection.
 * Names follow twisted.protocols.haproxy.
 * @see https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
import { check } from "../internet/arguments/check.ts";
import { ensureServerEndpoint } from "../internet/arguments/reactors.ts";
import type { Deferred } from "../internet/defer/deferred.ts";
import { InvalidEndpointError } from "../internet/endpoints/description.ts";
import type { ServerEndpoint } from "../internet/endpoints/interfaces.ts";
import { listensPlainFirst, PLAIN_FIRST } from "../internet/endpoints/plainfirst.ts";
import { registerServerEndpointParser, serverFromString } from "../internet/endpoints/registry.ts";
import type { ListeningPort, ReactorTCP, ServerFactoryLike } from "../internet/interfaces.ts";
import type { ReactorTime } from "../internet/time.ts";
import { printable } from "../logger/printable.ts";
import type { ProxyInfo } from "./haproxy/info.ts";
import { PROXY_INFO, VERSION } from "./haproxy/kinds.ts";
import { ensureProxyOptions, type ProxyOptions, TIMEOUT_SECONDS } from "./haproxy/options.ts";
import { encodeV1 } from "./haproxy/v1.ts";
import { encodeV2 } from "./haproxy/v2.ts";
import { HAProxyWrappingFactory, NESTED } from "./haproxy/wrapper.ts";

export { UNIXAddress } from "../internet/address.ts";
export { InvalidNetworkProtocol, InvalidProxyHeader, MissingAddressData, type ProxyInfo } from "./haproxy/info.ts";
export type { ProxyOptions } from "./haproxy/options.ts";
export { ProxyHeaderParser } from "./haproxy/parser.ts";
export { HAProxyProtocolWrapper, HAProxyWrappingFactory } from "./haproxy/wrapper.ts";

/**
 * An endpoint for connections through a proxy that sends PROXY headers of version 1 or 2. A protocol is built and connected
 * when the header has been read; getPeer() and getHost() of its transport return the addresses of the header.
 *
 * Whoever may send headers may name any client: `options.trusted` lists the proxies, and connections of others are closed.
 * @throws TypeError | RangeError
 */
export function proxyEndpoint(endpoint: ServerEndpoint, options: ProxyOptions): ServerEndpoint {
  const call = "proxyEndpoint(endpoint, options)";
  ensureServerEndpoint(call, endpoint);
  if (endpoint instanceof ProxyEndpoint) throw new TypeError(`${call}: ${NESTED}`);
  ensureProxyOptions(call, options);
  const { trusted } = options;
  return new ProxyEndpoint(endpoint, { ...options, trusted: trusted === "any" ? trusted : [...trusted] });
}

class ProxyEndpoint implements ServerEndpoint {
  readonly #endpoint: ServerEndpoint;
  readonly #options: ProxyOptions;

  constructor(endpoint: ServerEndpoint, options: ProxyOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
  }

  listen(factory: ServerFactoryLike): Deferred<ListeningPort> {
    const wrap = (inner: ServerFactoryLike) => new HAProxyWrappingFactory(inner, this.#options);
    return listensPlainFirst(this.#endpoint)
      ? this.#endpoint[PLAIN_FIRST](factory, wrap)
      : this.#endpoint.listen(wrap(factory));
  }
}

const FORM =
  "haproxy:trusted=addresses[:timeout=seconds]:endpoint, as in haproxy:trusted=10.0.0.0/8,192.0.2.7:tcp:8080; the " +
  'addresses are those of proxies and their networks, "\\:" for each ":" of IPv6; trusted=unix for UNIX sockets; ' +
  "trusted=any believes whoever reaches the port";

// Importing this module registers the prefix `haproxy:` of server endpoint descriptions.
registerServerEndpointParser({
  prefix: "haproxy",
  form: FORM,
  parameters: null,
  options: ["trusted", "timeout"],
  parse: (reactor, args, defaults) => {
    const { rest } = args;
    const given = args.text("trusted");
    const options: ProxyOptions = {
      trusted: given === "any" ? given : given.split(","),
      timeout: args.seconds("timeout", TIMEOUT_SECONDS),
      clock: clockOf(reactor),
    };
    const bad = `Bad endpoint "haproxy:trusted=${printable(given)}:${printable(rest)}"`;
    try {
      ensureProxyOptions(bad, options);
    } catch (error) {
      throw new InvalidEndpointError(`${error instanceof Error ? error.message : String(error)} Accepted: ${FORM}`);
    }
    const endpoint = serverFromString(reactor, rest, defaults);
    if (endpoint instanceof ProxyEndpoint) throw new InvalidEndpointError(`${bad}: ${NESTED}`);
    return proxyEndpoint(endpoint, options);
  },
});

/** All reactors of this package are clocks, but the type of a parser does not promise it. */
function clockOf(reactor: ReactorTCP & Partial<ReactorTime>): ReactorTime | null {
  return reactor.callLater === undefined ? null : (reactor as ReactorTCP & ReactorTime);
}

/**
 * The header that a proxy sends first on a connection on behalf of `info.source`. If there are no addresses, or the version
 * cannot express them, the header says "unknown".
 * @throws TypeError | RangeError
 */
export function proxyHeader(info: ProxyInfo, version: 1 | 2 = 2): Buffer {
  const call = "proxyHeader(info, version)";
  check(call, "info", info, PROXY_INFO);
  check(call, "version", version, VERSION);
  return version === 1 ? encodeV1(info) : encodeV2(info);
}
