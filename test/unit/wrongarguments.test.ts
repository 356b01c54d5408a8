/**
 * Wrong arguments for the whole public surface. The parameters come from the sources' types (publicsurface.ts), the values
 * that each must refuse too. What is called, with good values for the rest, stands in CALLS; what is not called, in one of
 * the lists after it, with the reason. A parameter of new API that stands nowhere fails the test.
 */
import { describe, expect, it, onTestFinished, test } from "vitest";
import * as defer from "../../src/entries/defer.ts";
import * as endpoints from "../../src/entries/endpoints.ts";
import * as policies from "../../src/entries/protocols/policies.ts";
import * as task from "../../src/entries/task.ts";
import { Clock, FakeTransport, MemoryReactorClock, StringTransport } from "../../src/entries/testing.ts";
import { ClientCreator, ClientFactory, Factory, Protocol } from "../../src/internet/protocol.ts";
import { NodeReactor } from "../../src/internet/reactor/node.ts";
import { Simulation } from "../../src/testing/simulation/simulation.ts";
import { NOT_CALLED } from "../data/arguments-not-called.ts";
import { type PublicParameter, publicParameters } from "../helpers/publicsurface.ts";
import { WRONG_VALUES } from "../helpers/wrongvalues.ts";
import { type Call, type Calls, made, method, nothing } from "./wrongarguments/call.ts";
import { LOGGER_CALLS } from "./wrongarguments/logger.ts";
import { TESTING_CALLS } from "./wrongarguments/testing.ts";

class Unstarted extends ClientFactory {
  override protocol = Protocol;
  override startFactory(): void {
    throw new Error("nothing was to be begun");
  }
}

function ofDeferred(name: string, ...good: unknown[]): () => Call {
  return () => {
    const d = new defer.Deferred<number>() as unknown as Record<string, (...args: unknown[]) => unknown>;
    return {
      call: (...args) => d[name]!(...args),
      good,
      after: () => {
        // No link was added: a result that comes passes on as it is.
        const deferred = d as unknown as defer.Deferred<number>;
        let seen: unknown;
        deferred.callback(7);
        deferred.addCallback((result) => {
          seen = result;
        });
        expect(seen).toBe(7);
      },
    };
  };
}

const REACTORS: Readonly<Record<string, () => object>> = {
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
        ...(reactor.ports ?? reactor.tcpServers),
        ...(reactor.attempts ?? reactor.tcpClients),
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

const TRANSPORTS: Readonly<Record<string, () => object>> = {
  StringTransport: () => new StringTransport(),
  FakeTransport: () => new FakeTransport(new Protocol(), false),
};
const PRODUCER = { pauseProducing: nothing, resumeProducing: nothing, stopProducing: nothing };

const CALLS: Calls = {
  ...LOGGER_CALLS,
  ...TESTING_CALLS,
  ...Object.fromEntries(
    Object.entries(REACTORS).flatMap(([owner, make]) =>
      REACTOR_METHODS.map(([name, ...good]) => [`${owner}.${name}`, ofReactor(make, name, ...good)]),
    ),
  ),
  ...Object.fromEntries(
    Object.entries(TRANSPORTS).flatMap(([owner, make]) => [
      [`${owner}.write`, method(make, "write", "x", "latin1")],
      [`${owner}.writeSequence`, method(make, "writeSequence", ["x"])],
      [`${owner}.registerProducer`, method(make, "registerProducer", PRODUCER, true)],
      [`${owner}.switchProtocol`, method(make, "switchProtocol", new Protocol())],
      [`${owner}.lose`, method(make, "lose", new Error("lost"))],
      [`${owner}.setTcpNoDelay`, method(make, "setTcpNoDelay", true)],
      [`${owner}.setTcpKeepAlive`, method(make, "setTcpKeepAlive", true)],
    ]),
  ),
  "Deferred.addBoth": ofDeferred("addBoth", nothing),
  "Deferred.addCallback": ofDeferred("addCallback", nothing),
  "Deferred.addCallbacks": ofDeferred("addCallbacks", nothing, nothing, [], []),
  "Deferred.addErrback": ofDeferred("addErrback", nothing),
  "Deferred.addTimeout": ofDeferred("addTimeout", 1, new Clock(), nothing),
  "Deferred.asPromise": ofDeferred("asPromise", {}),
  "Deferred.chainDeferred": ofDeferred("chainDeferred", new defer.Deferred()),
  "new Deferred": made((...args) => Reflect.construct(defer.Deferred, args), nothing),
  "new DeferredList": made((...args) => Reflect.construct(defer.DeferredList, args), [], {}),
  "new DeferredQueue": made((...args) => Reflect.construct(defer.DeferredQueue, args), 1, 1),
  "new DeferredSemaphore": made((...args) => Reflect.construct(defer.DeferredSemaphore, args), 1),
  "new FilesystemLock": made((...args) => Reflect.construct(defer.FilesystemLock, args), "/nowhere"),
  "new DeferredFilesystemLock": made(
    (...args) => Reflect.construct(defer.DeferredFilesystemLock, args),
    "x",
    new Clock(),
  ),
  "DeferredFilesystemLock.deferUntilLocked": method(
    () => new defer.DeferredFilesystemLock("/nowhere/at/all", new Clock()),
    "deferUntilLocked",
    1,
    {},
  ),
  "DeferredQueue.get": method(() => new defer.DeferredQueue(), "get", {}),
  "Permits.acquire": method(() => new defer.DeferredLock(), "acquire", {}),
  "Permits.run": method(() => new defer.DeferredLock(), "run", nothing),
  execute: made(defer.execute as never, nothing),
  ensureDeferred: made(defer.ensureDeferred as never, Promise.resolve()),
  gatherResults: made(defer.gatherResults as never, [], false),
  isLocked: made(defer.isLocked as never, "/nowhere"),
  maybeDeferred: made(defer.maybeDeferred as never, nothing),
  race: made(defer.race as never, []),
  timeout: made(defer.timeout as never, Promise.resolve(), 1, new Clock()),
  deferLater: made(task.deferLater as never, new Clock(), 1, nothing),
  coiterate: made(task.coiterate as never, []),
  cooperate: made(task.cooperate as never, []),
  "Cooperator.cooperate": method(() => new task.Cooperator({ started: false }), "cooperate", []),
  "Cooperator.coiterate": method(() => new task.Cooperator({ started: false }), "coiterate", []),
  "new Cooperator": made((...args) => Reflect.construct(task.Cooperator, args), {}),
  "new LoopingCall": made((...args) => Reflect.construct(task.LoopingCall, args), nothing),
  "LoopingCall.start": method(
    () => Object.assign(new task.LoopingCall(nothing), { clock: new Clock() }),
    "start",
    1,
    false,
  ),
  "LoopingCall.withCount": made(task.LoopingCall.withCount as never, nothing),
  "Clock.advance": method(() => new Clock(), "advance", 1),
  "Clock.callLater": method(() => new Clock(), "callLater", 1, nothing),
  "Clock.pump": method(() => new Clock(), "pump", []),
  "Factory.forProtocol": made(((...args: [typeof Protocol]) => Factory.forProtocol(...args)) as never, Protocol),
  "new TCP4ServerEndpoint": ofEndpoint(endpoints.TCP4ServerEndpoint, 80, {}),
  "new TCP6ServerEndpoint": ofEndpoint(endpoints.TCP6ServerEndpoint, 80, {}),
  "new TCP4ClientEndpoint": ofEndpoint(endpoints.TCP4ClientEndpoint, "h", 80, {}),
  "new TCP6ClientEndpoint": ofEndpoint(endpoints.TCP6ClientEndpoint, "h", 80, {}),
  connectProtocol: made(endpoints.connectProtocol as never, { connect: nothing }, new Protocol()),
  setDebugging: made(defer.setDebugging as never, false),
  "new ClientCreator": made((...args) => Reflect.construct(ClientCreator, args), new MemoryReactorClock(), Protocol),
  "ClientCreator.connectTCP": method(
    () => new ClientCreator(new MemoryReactorClock(), Protocol),
    "connectTCP",
    "h",
    80,
    {},
  ),
  "new WrappingFactory": ofPolicy(policies.WrappingFactory),
  "new SpewingFactory": ofPolicy(policies.SpewingFactory),
  "new LimitConnectionsByPeer": ofPolicy(policies.LimitConnectionsByPeer),
  "new TrafficLoggingFactory": ofPolicy(policies.TrafficLoggingFactory, nothing, {}),
  quoteStringArgument: made(endpoints.quoteStringArgument as never, "a:b"),
  serverFromString: made(endpoints.serverFromString as never, new MemoryReactorClock(), "tcp:80"),
  clientFromString: made(endpoints.clientFromString as never, new MemoryReactorClock(), "tcp:h:80"),
  registerServerEndpointParser: made(endpoints.registerServerEndpointParser as never, undefined),
  registerClientEndpointParser: made(endpoints.registerClientEndpointParser as never, undefined),
};

function ofPolicy(Wrapper: unknown, ...good: unknown[]): () => Call {
  const construct = Wrapper as typeof policies.WrappingFactory;
  return made((...args) => Reflect.construct(construct, args), Factory.forProtocol(Protocol), ...good);
}

function ofEndpoint(Endpoint: unknown, ...good: unknown[]): () => Call {
  return made(
    (...args) => Reflect.construct(Endpoint as typeof endpoints.TCP4ServerEndpoint, args),
    new MemoryReactorClock(),
    ...good,
  );
}

/** Numbers that the type cannot tell from good ones, by the names of parameters and options. */
const WRONG_NUMBERS: Readonly<Record<string, readonly string[]>> = {
  port: ["NaN", "-1", "1.5", "Infinity", "2**53"],
  backlog: ["NaN", "-1", "1.5", "Infinity", "2**53"],
  tokens: ["NaN", "-1", "1.5", "Infinity", "0"],
  size: ["NaN", "-1", "1.5"],
  seconds: ["NaN", "-1"],
  interval: ["NaN", "-1"],
  timeout: ["NaN", "-1"],
};

/** Values that a call takes although its declared type does not, and why. */
const TAKEN: readonly { readonly which: RegExp; readonly values: readonly string[]; readonly why: string }[] = [
  {
    which: / (pieces|members|timings|predicates)$/,
    values: ['""', "[]", "a Map"],
    why: "nothing in an empty iterable is wrong",
  },
  {
    which: /^(LogPublisher.replaceObservers observers|FakeTransport.arrive items|Simulation.partition (from|to))$/,
    values: ["[]"],
    why: "nothing in an empty array is wrong",
  },
  {
    which: /^FakeTransport.startTLS context$/,
    values: ["[]", '["x"]', "a Date", "a Map", "a Uint8Array", "an ArrayBuffer", "a promise"],
    why: "any object is a context, which accepts every other one if it has no iosimVerify()",
  },
  { which: /^Deferred.addTimeout onTimeoutCancel$/, values: ["undefined"], why: "an overload leaves it out" },
  { which: /^deferLater f$/, values: ["undefined"], why: "an overload leaves it out" },
  {
    which: /^(ensureDeferred value|timeout work|Simulation.until awaited)$/,
    values: ["a promise"],
    why: "whatever it promises",
  },
  {
    which: /^(Factory.forProtocol protocol|new ClientCreator protocolClass)$/,
    values: ["a class"],
    why: "whether it makes protocols shows when it builds one",
  },
  { which: /^new DeferredQueue backlog$/, values: ["Infinity"], why: "it is the default: no limit" },
];

/** What `f` throws, or what the Deferred or promise that it returns fails with; undefined when it succeeds. */
async function errorOf(f: () => unknown): Promise<unknown> {
  try {
    const result = f();
    if (result instanceof defer.Deferred) {
      let failure: unknown;
      result.addErrback((reason) => {
        failure = reason.value;
      });
      return failure;
    }
    if (result instanceof Promise) await result;
  } catch (error) {
    return error;
  }
  return undefined;
}

const parameters = publicParameters();
const byCallee = new Map<string, PublicParameter[]>();
for (const parameter of parameters) {
  byCallee.set(parameter.callee, [...(byCallee.get(parameter.callee) ?? []), parameter]);
}

/** The simulated reactor has the methods of every engine's. */
function surfaceOf(callee: string): readonly PublicParameter[] {
  const [owner, name] = callee.split(".") as [string, string | undefined];
  if (owner in REACTORS && name !== undefined) {
    const owners = {
      MemoryReactor: ["MemoryReactor", "MemoryReactorClock", "MemoryDescriptors"],
      EngineReactor: ["EngineReactor", "ReactorBase"],
      Simulated: ["SimulatedReactor", "EngineReactor", "ReactorBase"],
    }[owner]!;
    for (const each of owners) {
      const found = byCallee.get(`${each}.${name}`);
      if (found !== undefined) return found;
    }
  }
  if (owner in TRANSPORTS && name !== undefined) {
    for (const each of [owner, "MemoryTransport", "ClosingTransport"]) {
      const found = byCallee.get(`${each}.${name}`);
      if (found !== undefined) return found;
    }
  }
  return byCallee.get(callee) ?? [];
}

function taken(parameter: PublicParameter, value: string): boolean {
  return TAKEN.some(
    ({ which, values }) => which.test(`${parameter.callee} ${parameter.name}`) && values.includes(value),
  );
}

describe.each(Object.keys(CALLS))("%s()", (callee) => {
  const surface = surfaceOf(callee);

  it("is public and has parameters", () => {
    expect(surface).not.toEqual([]);
  });

  it.each([...surface])("refuses wrong values for $name, and begins nothing", async (parameter) => {
    const accepted: string[] = [];
    const attempt = async (label: string, arrange: (good: unknown[]) => void): Promise<void> => {
      const { call, good, begun, after } = CALLS[callee]!();
      const args = [...good];
      arrange(args);
      const before = begun?.() ?? [];
      const error = await errorOf(() => call(...(args as never[])));
      if (!(error instanceof TypeError || error instanceof RangeError)) accepted.push(`${label}: ${String(error)}`);
      expect(begun?.() ?? []).toEqual(before);
      if (accepted.length === 0) after?.();
    };
    const values = WRONG_VALUES as Readonly<Record<string, unknown>>;
    for (const value of [...parameter.refused, ...(WRONG_NUMBERS[parameter.name] ?? [])]) {
      if (taken(parameter, value)) continue;
      await attempt(value, (args) => {
        args[parameter.position] = values[value];
      });
    }
    for (const { name, refused } of parameter.options) {
      for (const value of [...refused, ...(WRONG_NUMBERS[name] ?? [])]) {
        await attempt(`${name}: ${value}`, (args) => {
          args[parameter.position] = { [name]: values[value] };
        });
      }
    }
    expect(accepted).toEqual([]);
  });
});

test("every parameter of the public surface is tried, or its callee is listed with the reason why not", () => {
  const called = new Set(
    Object.keys(CALLS).flatMap((callee) => surfaceOf(callee).map((parameter) => parameter.callee)),
  );
  const open = parameters
    .filter(({ callee, refused }) => refused.length > 0 && !called.has(callee))
    .map(({ callee }) => callee);
  const listed = Object.values(NOT_CALLED).flat();
  expect([...new Set(open)].filter((callee) => !listed.includes(callee))).toEqual([]);
  expect(listed.filter((callee) => !open.includes(callee))).toEqual([]);
});
