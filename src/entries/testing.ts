/** Testing protocols, clocks and faults included, without a socket. */

export { AccumulatingProtocol, NonStreamingProducer } from "../testing/accumulatingprotocol.ts";
export type { AgreedTLS } from "../testing/agreedtls.ts";
export { Clock } from "../testing/clock.ts";
export { ConnectionCompleter, connectableEndpoint } from "../testing/completer.ts";
export type { FakeContext } from "../testing/fakewire.ts";
export { connect, connectedServerAndClient, FakeTransport, IOPump } from "../testing/iosim.ts";
export { loopbackAsync } from "../testing/loopback.ts";
export { MemoryConnector, MemoryPort, MemorySSLPort } from "../testing/memoryconnections.ts";
export {
  MemoryReactor,
  MemoryReactorClock,
  RaisingMemoryReactor,
  type RecordedTrigger,
} from "../testing/memoryreactor.ts";
export type { MemoryTransport } from "../testing/memorytransport.ts";
export { assertNoResult, failureResultOf, successResultOf } from "../testing/results.ts";
export {
  type FaultRules,
  Faults,
  type LinkSettings,
  type OneWayOptions,
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
} from "../testing/simulation/simulation.ts";
export {
  type ProducerState,
  type StartedTLS,
  StringTransport,
  type StringTransportOptions,
  StringTransportWithDisconnection,
} from "../testing/stringtransport.ts";
