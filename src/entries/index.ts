/**
 * The everyday names. Importing this neither installs a reactor nor loads native code: importing `skein/reactor` does.
 */
export { IPv4Address, IPv6Address, UNIXAddress } from "../internet/address.ts";
export { connectProtocol } from "../internet/endpoints/connectprotocol.ts";
export { InvalidEndpointError, quoteStringArgument } from "../internet/endpoints/description.ts";
export type { ClientEndpoint, ServerEndpoint } from "../internet/endpoints/interfaces.ts";
export { clientFromString, serverFromString } from "../internet/endpoints/registry.ts";
export {
  TCP4ClientEndpoint,
  TCP4ServerEndpoint,
  TCP6ClientEndpoint,
  TCP6ServerEndpoint,
} from "../internet/endpoints/tcp.ts";
export {
  AlreadyCalled,
  AlreadyCancelled,
  BindError,
  CannotListenError,
  CannotWatchError,
  ConnectBindError,
  ConnectError,
  ConnectingCancelledError,
  ConnectionAborted,
  ConnectionClosed,
  ConnectionDone,
  ConnectionFdescWentAway,
  ConnectionLost,
  ConnectionRefusedError,
  ConnectTimeoutError,
  DescriptorsNotSupportedError,
  DNSLookupError,
  NativeLoadError,
  NoClockError,
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
} from "../internet/error.ts";
export { Failure } from "../internet/failure.ts";
export type {
  Address,
  Bytes,
  Connector,
  HalfCloseableProtocol,
  ListeningPort,
  PullProducer,
  PushProducer,
  Reactor,
  ReadDescriptor,
  Transport,
  WriteDescriptor,
} from "../internet/interfaces.ts";
export {
  ClientCreator,
  ClientFactory,
  Factory,
  Protocol,
  type ProtocolFactory,
  ReconnectingClientFactory,
  ServerFactory,
} from "../internet/protocol.ts";
export type { DelayedCall } from "../internet/time.ts";
export {
  AlreadyCalledError,
  CancelledError,
  Deferred,
  DeferredFilesystemLock,
  DeferredList,
  DeferredLock,
  DeferredQueue,
  DeferredSemaphore,
  ensureDeferred,
  execute,
  FailureGroup,
  FirstError,
  fail,
  gatherResults,
  inlineCallbacks,
  maybeDeferred,
  QueueOverflow,
  QueueUnderflow,
  race,
  setDebugging,
  succeed,
} from "./defer.ts";
export {
  CooperativeTask,
  Cooperator,
  coiterate,
  cooperate,
  deferLater,
  LoopingCall,
  react,
  SystemExit,
} from "./task.ts";
