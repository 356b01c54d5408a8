/**
 * Wrong arguments for the whole public surface. The parameters come from the sources' types (publicsurface.ts), and so do
 * the values that each must refuse. The files of wrongarguments/ hold the calls, with good arguments, by area;
 * data/arguments-not-called.ts lists what is not called, with the reasons. A new public parameter that is in neither fails
 * the last test.
 */
import { describe, expect, it, test } from "vitest";
import { Deferred } from "../../src/entries/defer.ts";
import { NOT_CALLED } from "../data/arguments-not-called.ts";
import { type PublicParameter, publicParameters } from "../helpers/publicsurface.ts";
import { WRONG_VALUES } from "../helpers/wrongvalues.ts";
import type { Calls } from "./wrongarguments/call.ts";
import { DEFER_CALLS } from "./wrongarguments/defer.ts";
import { INTERNET_CALLS } from "./wrongarguments/internet.ts";
import { LOGGER_CALLS } from "./wrongarguments/logger.ts";
import { PROTOCOLS_CALLS } from "./wrongarguments/protocols.ts";
import { REACTOR_CALLS, REACTORS } from "./wrongarguments/reactors.ts";
import { STREAMS_CALLS } from "./wrongarguments/streams.ts";
import { TESTING_CALLS } from "./wrongarguments/testing.ts";
import { TLS_CALLS } from "./wrongarguments/tls.ts";
import { TRANSPORT_CALLS, TRANSPORTS } from "./wrongarguments/transports.ts";

const CALLS: Calls = {
  ...DEFER_CALLS,
  ...INTERNET_CALLS,
  ...LOGGER_CALLS,
  ...PROTOCOLS_CALLS,
  ...REACTOR_CALLS,
  ...STREAMS_CALLS,
  ...TESTING_CALLS,
  ...TLS_CALLS,
  ...TRANSPORT_CALLS,
};

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
    which: / (pieces|members|timings|predicates|keys)$/,
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
  { which: / withIdentifier$/, values: ["true", "false"], why: "each is the type of another overload" },
  { which: /^deferLater f$/, values: ["undefined"], why: "an overload leaves it out" },
  {
    which: /^(Deferred.fromPromise promise|ensureDeferred value|timeout work|Simulation.until awaited)$/,
    values: ["a promise"],
    why: "whatever it promises",
  },
  {
    which: /^(Factory.forProtocol protocol|new ClientCreator protocolClass)$/,
    values: ["a class"],
    why: "whether it makes protocols shows when it builds one",
  },
  {
    which: /^trustRootFromCertificates certificates$/,
    values: ["[]", "a Map"],
    why: "nothing in an empty iterable is wrong: nobody is trusted",
  },
  {
    which: /^new PrivateCertificate chain$| options\.(subjectAltNames|extraCertChain|acceptableProtocols)$/,
    values: ["[]"],
    why: "no chain, no names, no protocols: as without it",
  },
  {
    which: / options\.seconds$/,
    values: ["-1"],
    why: "a certificate that has expired is made by it, for tests",
  },
  { which: /^new DeferredQueue backlog$/, values: ["Infinity"], why: "it is the default: no limit" },
];

/** What `f` throws, or what the Deferred or promise that it returns fails with; undefined when it succeeds. */
async function errorOf(f: () => unknown): Promise<unknown> {
  try {
    const result = f();
    if (result instanceof Deferred) {
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
        if (taken({ ...parameter, name: `options.${name}` }, value)) continue;
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
