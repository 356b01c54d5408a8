/** Endpoints, protocols and their factories, for wrongarguments.test.ts. */
import * as address from "../../../src/entries/address.ts";
import * as endpoints from "../../../src/entries/endpoints.ts";
import { EPollReactor } from "../../../src/entries/epollreactor.ts";
import { getConnectError } from "../../../src/entries/error.ts";
import { Failure } from "../../../src/entries/failure.ts";
import { IOCPReactor } from "../../../src/entries/iocpreactor.ts";
import { KQueueReactor } from "../../../src/entries/kqreactor.ts";
import { PollReactor } from "../../../src/entries/pollreactor.ts";
import { SelectReactor } from "../../../src/entries/selectreactor.ts";
import { react } from "../../../src/entries/task.ts";
import { MemoryReactorClock } from "../../../src/entries/testing.ts";
import { UringReactor } from "../../../src/entries/uringreactor.ts";
import { parseDescription } from "../../../src/internet/endpoints/description.ts";
import { ClientCreator, Factory, Protocol, ReconnectingClientFactory } from "../../../src/internet/protocol.ts";
import { type Call, type Calls, constructed, made, method, nothing } from "./call.ts";

const failure = (): Failure => new Failure(new Error("failed"));

/** The arguments of the description `mine:1`. */
function endpointArguments(): endpoints.EndpointArguments {
  return new endpoints.EndpointArguments(parseDescription("mine:1"), {
    prefix: "mine",
    form: "mine:size",
    parameters: ["size"],
  });
}

export const INTERNET_CALLS: Calls = {
  "EndpointArguments.integer": method(endpointArguments, "integer", "size", 0, 9, 1),
  "EndpointArguments.seconds": method(endpointArguments, "seconds", "size", 1),
  "EndpointArguments.text": method(endpointArguments, "text", "size", "1"),
  "Failure.printTraceback": method(failure, "printTraceback", { write: nothing }),
  "Failure.throwExceptionIntoGenerator": method(failure, "throwExceptionIntoGenerator", (function* () {})()),
  "ReconnectingClientFactory.retry": () => {
    const clock = new MemoryReactorClock();
    const factory = Object.assign(new ReconnectingClientFactory(), { clock });
    return { call: factory.retry.bind(factory), good: [null], begun: () => [factory.retries, factory.delay] };
  },
  getConnectError: made(getConnectError, 111, "localhost:80"),
  literalAddress: made(address.literalAddress, "127.0.0.1", 80),
  "new EPollReactor": constructed(EPollReactor, {}),
  "new IOCPReactor": constructed(IOCPReactor, {}),
  "new IPv4Address": constructed(address.IPv4Address, "TCP", "127.0.0.1", 80),
  "new IPv6Address": constructed(address.IPv6Address, "TCP", "::1", 80, 0, 0),
  "new KQueueReactor": constructed(KQueueReactor, {}),
  "new PollReactor": constructed(PollReactor, {}),
  "new SelectReactor": constructed(SelectReactor, {}),
  "new UNIXAddress": constructed(address.UNIXAddress, ""),
  "new UringReactor": constructed(UringReactor, {}),
  react: made(react, nothing, [], {}),
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
  serverFromString: made(endpoints.serverFromString as never, new MemoryReactorClock(), "tcp:80", { loopback: true }),
  clientFromString: made(endpoints.clientFromString as never, new MemoryReactorClock(), "tcp:h:80"),
  registerServerEndpointParser: made(endpoints.registerServerEndpointParser as never, undefined),
  registerClientEndpointParser: made(endpoints.registerClientEndpointParser as never, undefined),
};

function ofEndpoint(Endpoint: unknown, ...good: unknown[]): () => Call {
  return constructed(Endpoint, new MemoryReactorClock(), ...good);
}
