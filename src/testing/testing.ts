/** Testing protocols, clocks and faults included, without a socket. */
export { AccumulatingProtocol, NonStreamingProducer } from "./accumulatingprotocol.ts";
export { Clock } from "./clock.ts";
export {
  ConnectionCompleter,
  connect,
  connectableEndpoint,
  connectedServerAndClient,
  type FakeContext,
  type FakeHandshakeListener,
  FakeTransport,
  IOPump,
  loopbackAsync,
} from "./iosim.ts";
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
