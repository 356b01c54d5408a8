/**
 * What stands around a protocol and limits, times or watches its connection. Names and semantics follow
 * twisted.protocols.policies.
 */
export { LimitConnectionsByPeer, LimitTotalConnectionsFactory } from "./policies/limits.ts";
export { SpewingFactory, SpewingProtocol } from "./policies/spewing.ts";
export { ThrottlingFactory, type ThrottlingOptions, ThrottlingProtocol } from "./policies/throttling.ts";
export {
  TimeoutFactory,
  TimeoutMixin,
  TimeoutProtocol,
  type Timeouts,
  type WithTimeouts,
} from "./policies/timeout.ts";
export { TrafficLoggingFactory, TrafficLoggingProtocol, type TrafficSink } from "./policies/traffic.ts";
export { ProtocolWrapper, type WrappableFactory, type WrapperKeeper, WrappingFactory } from "./policies/wrapper.ts";
