/** The callbacks of a connection's protocols, producers and factories, as places at which a program may misbehave. */

/** Properties of a protocol that a reactor reads. */
const GETTERS = [
  "readConnectionLost",
  "writeConnectionLost",
  "dataReceived",
  "connectionLost",
  "borrows",
  "constructor",
];

const CALLBACKS = [
  "makeConnection",
  "connectionMade",
  "dataReceived",
  "readConnectionLost",
  "writeConnectionLost",
  "connectionLost",
  "pauseProducing",
  "resumeProducing",
  "stopProducing",
  "buildProtocol",
  "doStart",
  "doStop",
  "startFactory",
  "stopFactory",
  ...GETTERS.map((name) => `get ${name}`),
];

/** Each callback of a connection, as "server dataReceived". */
export const LINE_PLACES: readonly string[] = [
  ...CALLBACKS.flatMap((name) => [`client ${name}`, `server ${name}`]),
  "client startedConnecting",
  "client clientConnectionFailed",
  "client clientConnectionLost",
];

/** Callbacks that may be async: what they reject with is handled. */
export function mayReject(place: string): boolean {
  return /^(client|server) (makeConnection|connectionMade|dataReceived|(read|write)?[cC]onnectionLost)$/.test(place);
}
