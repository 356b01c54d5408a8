/**
 * The PROXY protocol: what stands between tells, in a header at the beginning of the connection, who it is that
 * connected, and to what. Names follow twisted.protocols.haproxy.
 * @see https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
export {
  HAProxyProtocolWrapper,
  HAProxyWrappingFactory,
  InvalidNetworkProtocol,
  InvalidProxyHeader,
  MissingAddressData,
  ProxyHeaderParser,
  type ProxyInfo,
  type ProxyOptions,
  proxyEndpoint,
  proxyHeader,
  UNIXAddress,
} from "../../protocols/haproxy.ts";
