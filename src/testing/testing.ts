/** Testing protocols, clocks and faults included, without a socket. */
export { AccumulatingProtocol, NonStreamingProducer } from "./accumulatingprotocol.ts";
export { Clock } from "./clock.ts";
export { ConnectionCompleter, connectableEndpoint } from "./completer.ts";
export type { FakeContext, FakeHandshakeListener } from "./fakewire.ts";
export { connect, connectedServerAndClient, FakeTransport, IOPump } from "./iosim.ts";
export { loopbackAsync } from "./loopback.ts";
export {
  MemoryConnector,
  MemoryPort,
  MemoryReactor,
  MemoryReactorClock,
  RaisingMemoryReactor,
  type RecordedTrigger,
} from "./memoryreactor.ts";
export { assertNoResult, failureResultOf, successResultOf } from "./results.ts";
export {
  type FaultRules,
  Faults,
  type LinkSettings,
  PLAIN_NETWORK,
  ROUGH_NETWORK,
  SimulatedConnection,
  SimulatedHost,
  SimulatedReactor,
  type SimulateOptions,
  Simulation,
  type SimulationError,
  SimulationFailure,
  type SimulationOptions,
  type SimulationResult,
  simulate,
} from "./simulation/simulation.ts";
export {
  type ProducerState,
  StringTransport,
  type StringTransportOptions,
  StringTransportWithDisconnection,
} from "./stringtransport.ts";
