/** Testing protocols, clocks and faults included, without a socket. */
export { Clock } from "./clock.ts";
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
