/**
 * The everyday names. Importing this neither installs a reactor nor loads native code: importing `skein/reactor` does.
 */
export { IPv4Address, IPv6Address } from "./internet/address.ts";
export {
  AlreadyCalledError,
  CancelledError,
  Deferred,
  ensureDeferred,
  execute,
  fail,
  maybeDeferred,
  succeed,
} from "./internet/defer.ts";
export {
  type ClientEndpoint,
  clientFromString,
  connectProtocol,
  InvalidEndpointError,
  quoteStringArgument,
  type ServerEndpoint,
  serverFromString,
  TCP4ClientEndpoint,
  TCP4ServerEndpoint,
  TCP6ClientEndpoint,
  TCP6ServerEndpoint,
} from "./internet/endpoints.ts";
export {
  AlreadyCalled,
  AlreadyCancelled,
  BindError,
  CannotListenError,
  ConnectBindError,
  ConnectError,
  ConnectingCancelledError,
  ConnectionAborted,
  ConnectionClosed,
  ConnectionDone,
  ConnectionLost,
  ConnectionRefusedError,
  ConnectTimeoutError,
  DNSLookupError,
  NativeLoadError,
  NoProtocol,
  NoRouteError,
  NotConnectingError,
  ReactorAlreadyInstalledError,
  ReactorAlreadyRunning,
  ReactorNotAvailableError,
  ReactorNotRunning,
  SkeinError,
  TCPTimedOutError,
  TimeoutError,
  UnknownHostError,
  UserError,
} from "./internet/error.ts";
export { Failure } from "./internet/failure.ts";
export type {
  Address,
  Bytes,
  Connector,
  DelayedCall,
  HalfCloseableProtocol,
  ListeningPort,
  PullProducer,
  PushProducer,
  Reactor,
  Transport,
} from "./internet/interfaces.ts";
export {
  ClientCreator,
  ClientFactory,
  Factory,
  Protocol,
  type ProtocolFactory,
  ReconnectingClientFactory,
  ServerFactory,
} from "./internet/protocol.ts";
