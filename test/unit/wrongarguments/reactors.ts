/** The methods that all reactors have, for wrongarguments.test.ts. */
import { onTestFinished } from "vitest";
import { MemoryReactorClock } from "../../../src/entries/testing.ts";
import { ClientFactory, Protocol } from "../../../src/internet/protocol.ts";
import { NodeReactor } from "../../../src/internet/reactor/node.ts";
import { Simulation } from "../../../src/testing/simulation/simulation.ts";
import { type Call, type Calls, nothing } from "./call.ts";
import { context } from "./tls.ts";

class Unstarted extends ClientFactory {
  override protocol = Protocol;
  override startFactory(): void {
    throw new Error("nothing was to be begun");
  }
}

export const REACTORS: Readonly<Record<string, () => object>> = {
  EngineReactor: () => {
    const reactor = new NodeReactor();
    onTestFinished(() => reactor.destroy());
    return reactor;
  },
  MemoryReactor: () => new MemoryReactorClock(),
  Simulated: () => new Simulation().host("a").reactor,
};

function ofReactor(make: () => object, name: string, ...good: unknown[]): () => Call {
  return () => {
    const reactor = make() as MemoryReactorClock & { ports?: Iterable<unknown>; attempts?: Iterable<unknown> };
    const loose = reactor as unknown as Record<string, (...args: unknown[]) => unknown>;
    return {
      call: (...args) => loose[name]!(...args),
      good,
      begun: () => [
        ...reactor.getDelayedCalls(),
        ...reactor.getReaders(),
        ...reactor.getWriters(),
        ...(reactor.ports ?? [...reactor.tcpServers, ...reactor.sslServers]),
        ...(reactor.attempts ?? [...reactor.tcpClients, ...reactor.sslClients]),
        ...(reactor.running ? ["run"] : []),
      ],
      after: () => reactor.callLater(0, nothing).cancel(),
    };
  };
}

/** The methods of reactors, and good arguments for each. */
const REACTOR_METHODS: readonly (readonly [name: string, ...good: unknown[]])[] = [
  ["listenTCP", 0, new Unstarted(), {}],
  ["connectTCP", "127.0.0.1", 80, new Unstarted(), {}],
  ["listenSSL", 0, new Unstarted(), context(), {}],
  ["connectSSL", "127.0.0.1", 443, new Unstarted(), context(), {}],
  ["addReader", undefined],
  ["addWriter", undefined],
  ["callLater", 1, nothing],
  ["callWhenRunning", nothing],
  ["addSystemEventTrigger", "before", "shutdown", nothing],
  ["removeSystemEventTrigger", undefined],
  ["fireSystemEvent", "mine"],
  ["resolve", "127.0.0.1"],
  ["run", {}],
];

export const REACTOR_CALLS: Calls = Object.fromEntries(
  Object.entries(REACTORS).flatMap(([owner, make]) =>
    REACTOR_METHODS.map(([name, ...good]) => [`${owner}.${name}`, ofReactor(make, name, ...good)]),
  ),
);
