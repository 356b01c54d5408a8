/**
 * The PROXY protocol: what stands between tells, in a header at the beginning of the connection, who it is that
 * connected, and to what. Names follow twisted.protocols.haproxy.
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
 * The endpoint for connections that come through a proxy which sends PROXY headers, of version 1 or 2. Protocols are
 * built and connected once the header was read, and their transports' getPeer() and getHost() tell what it said.
 *
 * Only the proxies may reach such a port: whoever does can claim to be anybody.
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
 * The header for a connection that is made on behalf of `source`: what a proxy writes first. Without addresses, or with
 * those that the version has no words for, the header says that nothing is known.
 */
export function proxyHeader({ source, destination }: ProxyInfo, version: 1 | 2 = 2): Buffer {
  return version === 1 ? encodeV1({ source, destination }) : encodeV2({ source, destination });
}
