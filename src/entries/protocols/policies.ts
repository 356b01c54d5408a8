/**
 * What stands around a protocol and limits, times or watches its connection. Names and semantics follow
 * twisted.protocols.policies.
 */
export { LimitConnectionsByPeer, LimitTotalConnectionsFactory } from "../../protocols/policies/limits.ts";
export { SpewingFactory, SpewingProtocol } from "../../protocols/policies/spewing.ts";
export { ThrottlingFactory, type ThrottlingOptions, ThrottlingProtocol } from "../../protocols/policies/throttling.ts";
export {
  TimeoutFactory,
  TimeoutMixin,
  TimeoutProtocol,
  type Timeouts,
  type WithTimeouts,
} from "../../protocols/policies/timeout.ts";
export { TrafficLoggingFactory, TrafficLoggingProtocol, type TrafficSink } from "../../protocols/policies/traffic.ts";
export {
  ProtocolWrapper,
  type WrappableFactory,
  type WrapperKeeper,
  WrappingFactory,
} from "../../protocols/policies/wrapper.ts";
