/**
 * The PROXY protocol: a proxy sends a header at the start of a connection with the addresses of the original
 * connection. Names follow twisted.protocols.haproxy.
 * @see https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
import type { Deferred } from "../internet/defer/deferred.ts";
import type { ServerEndpoint } from "../internet/endpoints/interfaces.ts";
import { registerServerEndpointParser, serverFromString } from "../internet/endpoints/registry.ts";
import type { ListeningPort, ReactorTCP, ServerFactoryLike } from "../internet/interfaces.ts";
import type { ReactorTime } from "../internet/time.ts";
import type { ProxyInfo } from "./haproxy/info.ts";
import { encodeV1 } from "./haproxy/v1.ts";
import { encodeV2 } from "./haproxy/v2.ts";
import { HAProxyWrappingFactory, type ProxyOptions } from "./haproxy/wrapper.ts";

export { InvalidNetworkProtocol, InvalidProxyHeader, MissingAddressData, type ProxyInfo } from "./haproxy/info.ts";
export { ProxyHeaderParser } from "./haproxy/parser.ts";
export { UNIXAddress } from "./haproxy/unixaddress.ts";
export { HAProxyProtocolWrapper, HAProxyWrappingFactory, type ProxyOptions } from "./haproxy/wrapper.ts";

/**
 * An endpoint for connections through a proxy that sends PROXY headers, of version 1 or 2. Protocols are built and
 * connected once the header was read, and their transports' getPeer() and getHost() return its addresses.
 *
 * Only the proxies may be able to reach such a port: whoever connects can forge any address.
 */
export function proxyEndpoint(endpoint: ServerEndpoint, options: ProxyOptions = {}): ServerEndpoint {
  return new ProxyEndpoint(endpoint, options);
}

class ProxyEndpoint implements ServerEndpoint {
  readonly #endpoint: ServerEndpoint;
  readonly #options: ProxyOptions;

  constructor(endpoint: ServerEndpoint, options: ProxyOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
  }

  listen(factory: ServerFactoryLike): Deferred<ListeningPort> {
    return this.#endpoint.listen(new HAProxyWrappingFactory(factory, this.#options));
  }
}

// `haproxy:` before the description of another server endpoint, once this module was imported.
registerServerEndpointParser({
  prefix: "haproxy",
  form: "haproxy:endpoint, as in haproxy:tcp:8080:interface=127.0.0.1",
  parameters: null,
  parse: (reactor, args) => proxyEndpoint(serverFromString(reactor, args.rest), { clock: clockOf(reactor) }),
});

/** Every reactor of ours has the time; the type of the parser promises less. */
function clockOf(reactor: ReactorTCP & Partial<ReactorTime>): ReactorTime | null {
  return reactor.callLater === undefined ? null : (reactor as ReactorTCP & ReactorTime);
}

/**
 * The header that a proxy sends first, for a connection on behalf of `source`. Without addresses, or with addresses
 * that the version cannot express, the header says "unknown".
 */
export function proxyHeader({ source, destination }: ProxyInfo, version: 1 | 2 = 2): Buffer {
  return version === 1 ? encodeV1({ source, destination }) : encodeV2({ source, destination });
}
