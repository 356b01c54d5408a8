/** Endpoints, protocols and their factories, for wrongarguments.test.ts. */
import * as endpoints from "../../../src/entries/endpoints.ts";
import { MemoryReactorClock } from "../../../src/entries/testing.ts";
import { ClientCreator, Factory, Protocol } from "../../../src/internet/protocol.ts";
import { type Call, type Calls, constructed, made, method, nothing } from "./call.ts";

export const INTERNET_CALLS: Calls = {
  "Factory.forProtocol": made(((...args: [typeof Protocol]) => Factory.forProtocol(...args)) as never, Protocol),
  "new TCP4ServerEndpoint": ofEndpoint(endpoints.TCP4ServerEndpoint, 80, {}),
  "new TCP6ServerEndpoint": ofEndpoint(endpoints.TCP6ServerEndpoint, 80, {}),
  "new TCP4ClientEndpoint": ofEndpoint(endpoints.TCP4ClientEndpoint, "h", 80, {}),
  "new TCP6ClientEndpoint": ofEndpoint(endpoints.TCP6ClientEndpoint, "h", 80, {}),
  connectProtocol: made(endpoints.connectProtocol as never, { connect: nothing }, new Protocol()),
  "new ClientCreator": constructed(ClientCreator, new MemoryReactorClock(), Protocol),
  "ClientCreator.connectTCP": method(
    () => new ClientCreator(new MemoryReactorClock(), Protocol),
    "connectTCP",
    "h",
    80,
    {},
  ),
  quoteStringArgument: made(endpoints.quoteStringArgument as never, "a:b"),
  serverFromString: made(endpoints.serverFromString as never, new MemoryReactorClock(), "tcp:80"),
  clientFromString: made(endpoints.clientFromString as never, new MemoryReactorClock(), "tcp:h:80"),
  registerServerEndpointParser: made(endpoints.registerServerEndpointParser as never, undefined),
  registerClientEndpointParser: made(endpoints.registerClientEndpointParser as never, undefined),
};

function ofEndpoint(Endpoint: unknown, ...good: unknown[]): () => Call {
  return constructed(Endpoint, new MemoryReactorClock(), ...good);
}
