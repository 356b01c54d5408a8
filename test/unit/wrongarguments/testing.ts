/** skein/testing, for wrongarguments.test.ts. */
import * as defer from "../../../src/entries/defer.ts";
import { checkLeaks } from "../../../src/entries/testing/vitest.ts";
import * as testing from "../../../src/entries/testing.ts";
import { ClientFactory, Factory, Protocol } from "../../../src/internet/protocol.ts";
import { type Calls, constructed, made, method, nothing } from "./call.ts";
import { context } from "./tls.ts";

const address = testing.connectedServerAndClient(Protocol, Protocol).client.transport.getPeer();
const server = (): Factory => Factory.forProtocol(Protocol);
const client = (): ClientFactory => ClientFactory.forProtocol(Protocol);
const string = (): testing.StringTransport => new testing.StringTransport();
const fake = (): testing.FakeTransport => new testing.FakeTransport(new Protocol(), false);
const secure = (): testing.StringTransport =>
  new testing.StringTransport({ contextFactory: context() }).connect(new Protocol());
const port = (): testing.MemoryPort => new testing.MemoryPort(80, server(), {});
const connector = (): testing.MemoryConnector => {
  const connecting = new testing.MemoryConnector("h", 80, client(), {});
  connecting.connect();
  return connecting;
};
const connected = (): testing.MemoryConnector => {
  const connecting = connector();
  connecting.succeed();
  return connecting;
};

const fresh = (): testing.Simulation => new testing.Simulation();

/** A connection of two simulated hosts. */
const sim = fresh();
const [a, b] = [sim.host("a"), sim.host("b")];
a.reactor.listenTCP(80, server());
b.reactor.connectTCP(a.address, 80, client());
await sim.run(1);
const connection = sim.connections()[0]!;

export const TESTING_CALLS: Calls = {
  "ConnectionCompleter.failOnce": method(
    () => new testing.ConnectionCompleter(new testing.MemoryReactorClock()),
    "failOnce",
    new Error("failed"),
  ),
  "FakeTransport.arrive": method(fake, "arrive", []),
  "FakeTransport.startTLS": method(fake, "startTLS", {}, {}),
  "MemoryConnector.fail": method(connector, "fail", new Error("failed")),
  "MemoryConnector.lose": method(connected, "lose", new Error("lost")),
  "MemoryPort.accept": method(port, "accept", address),
  "SimulatedConnection.dropSilently": method(() => connection, "dropSilently", "client"),
  "SimulatedHost.freeze": method(() => fresh().host("a"), "freeze", 1),
  "SimulatedHost.owns": method(() => a, "owns", "10.0.0.1"),
  "Simulation.after": method(fresh, "after", 1, nothing),
  "Simulation.faults": method(fresh, "faults", {}),
  "Simulation.host": method(fresh, "host", "a"),
  "Simulation.latest": method(fresh, "latest", 1),
  "Simulation.link": method(() => sim, "link", a, b, {}, {}),
  "Simulation.partition": method(() => sim, "partition", a, [b], {}),
  "Simulation.run": method(fresh, "run", 0),
  "Simulation.until": method(fresh, "until", Promise.resolve(), 1),
  "FakeTransport.exportKeyingMaterial": method(fake, "exportKeyingMaterial", 8, "label", new Uint8Array(1)),
  "StringTransport.completeHandshake": method(secure, "completeHandshake", {}),
  "StringTransport.connect": method(string, "connect", new Protocol()),
  "StringTransport.receive": method(() => string().connect(new Protocol()), "receive", "x"),
  "StringTransport.startTLS": method(string, "startTLS", context(), {}),
  assertNoResult: made(testing.assertNoResult, new defer.Deferred()),
  checkLeaks: made(checkLeaks, {}),
  "testing.connect": made(testing.connect, new Protocol(), fake(), new Protocol(), fake(), true),
  connectableEndpoint: made(testing.connectableEndpoint, server()),
  connectedServerAndClient: made(testing.connectedServerAndClient, Protocol, Protocol, true),
  failureResultOf: made(testing.failureResultOf, new defer.Deferred()),
  loopbackAsync: made(testing.loopbackAsync, new Protocol(), new Protocol()),
  "new ConnectionCompleter": constructed(testing.ConnectionCompleter, new testing.MemoryReactorClock()),
  "new FakeTransport": constructed(testing.FakeTransport, new Protocol(), false, address, address),
  "new IOPump": constructed(testing.IOPump, new Protocol(), new Protocol(), fake(), fake()),
  "new MemoryConnector": constructed(testing.MemoryConnector, "h", 80, client(), {}),
  "new MemoryPort": constructed(testing.MemoryPort, 80, server(), {}),
  "new NonStreamingProducer": constructed(testing.NonStreamingProducer, string()),
  "new RaisingMemoryReactor": constructed(testing.RaisingMemoryReactor, null, null),
  "new Simulation": constructed(testing.Simulation, {}),
  "new StringTransport": constructed(testing.StringTransport, {}),
  "new StringTransportWithDisconnection": constructed(testing.StringTransportWithDisconnection, {}),
  simulate: made(testing.simulate, { runs: 1 }, async () => {}),
  successResultOf: made(testing.successResultOf, new defer.Deferred()),
};
