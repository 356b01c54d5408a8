/**
 * A port forwarder: for each connection to it, it makes one to another host, and passes the bytes on both ways.
 * Names and semantics follow twisted.protocols.portforward.
 *
 *     client ──── ProxyServer ──peer── ProxyClient ──── host:port
 *
 * Each side's transport is the other's producer: a side reads no further while the other has much waiting to be sent.
 */
export {
  Proxy,
  ProxyClient,
  ProxyClientFactory,
  ProxyFactory,
  type ProxyOptions,
  ProxyServer,
} from "../../protocols/portforward.ts";
