import { expect, it } from "vitest";
import { CancelledError, Deferred } from "../../src/entries/defer.ts";
import type { Connector } from "../../src/internet/interfaces.ts";
import { ClientFactory, Protocol, ReconnectingClientFactory } from "../../src/internet/protocol.ts";
import { Simulation } from "../../src/testing/simulation/simulation.ts";

/** Keeps the look-ups of names. */
function lookups(sim: Simulation) {
  const { reactor } = sim.host("client");
  const asked: { name: string; answer: Deferred<string>; outcome: unknown[] }[] = [];
  reactor.resolve = (name) => {
    const outcome: unknown[] = [];
    const answer = new Deferred<string>();
    answer.addErrback((failure) => {
      outcome.push(failure.value);
      return failure;
    });
    asked.push({ name, answer, outcome });
    return answer;
  };
  return { reactor, asked };
}

it.each([
  ["stopConnecting()", (connector: Connector) => connector.stopConnecting()],
  ["disconnect()", (connector: Connector) => connector.disconnect()],
])("%s cancels the look-up of the host, and an answer that comes nevertheless connects nothing", async (_name, end) => {
  const sim = new Simulation();
  const { reactor, asked } = lookups(sim);
  let failed = 0;
  class Told extends ClientFactory {
    override clientConnectionFailed(): void {
      failed++;
    }
  }
  const connector = reactor.connectTCP("slow.example", 80, Told.forProtocol(Protocol) as ClientFactory);
  end(connector);
  expect(asked[0]!.outcome).toEqual([expect.any(CancelledError)]);
  expect([failed, connector.state]).toEqual([1, "disconnected"]);
  asked[0]!.answer.callback(sim.host("server").address);
  await sim.run(60);
  expect([failed, connector.state]).toEqual([1, "disconnected"]);
  expect(reactor.getDelayedCalls()).toEqual([]);
});

it("the timeout of an attempt cancels its look-up, not that of the next attempt", async () => {
  const sim = new Simulation();
  const { reactor, asked } = lookups(sim);
  const factory = ReconnectingClientFactory.forProtocol(Protocol) as ReconnectingClientFactory;
  factory.clock = reactor;
  reactor.connectTCP("slow.example", 80, factory, { timeout: 5 });
  await sim.run(20);
  expect(asked.length).toBeGreaterThan(1);
  const [ended] = asked;
  expect(ended!.outcome).toEqual([expect.any(CancelledError)]);
  factory.stopTrying();
  expect(asked.at(-1)!.outcome.length).toBeGreaterThan(0);
  expect(reactor.getDelayedCalls()).toEqual([]);
  const attempts = asked.length;
  await sim.run(1000);
  expect(asked.length).toBe(attempts);
});
