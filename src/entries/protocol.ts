/**
 * Protocols hold the state of one connection, factories what all connections of a port or a client share.
 * Names and semantics follow twisted.internet.protocol.
 */
export {
  BaseProtocol,
  ClientCreator,
  ClientFactory,
  Factory,
  Protocol,
  type ProtocolFactory,
  ReconnectingClientFactory,
  ServerFactory,
} from "../internet/protocol.ts";
