/**
 * The interfaces of the core, under Twisted's names without the leading `I` where a class would not collide.
 * Times are seconds everywhere.
 */
export type {
  Address,
  Bytes,
  ClientFactoryLike,
  Connector,
  ConnectTCPOptions,
  Consumer,
  DescriptorEnd,
  FileDescriptor,
  HalfCloseableProtocol,
  HandshakeListener,
  ListeningPort,
  ListenTCPOptions,
  Producer,
  ProtocolLike,
  PullProducer,
  PushProducer,
  Reactor,
  ReactorCore,
  ReactorFDSet,
  ReactorNames,
  ReactorSSL,
  ReactorTCP,
  ReadDescriptor,
  ServerFactoryLike,
  TLSListeningPort,
  TLSTransport,
  Transport,
  TriggerId,
  TriggerPhase,
  WriteDescriptor,
} from "../internet/interfaces.ts";
export type { DelayedCall, ReactorTime } from "../internet/time.ts";
export type { ContextFactory, StartTLSOptions, TLSInfo } from "../internet/tls/seam.ts";
