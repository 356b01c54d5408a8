/**
 * Vitest's face, as far as the conformance suite uses it, where vitest itself cannot run. The bundle has it in vitest's
 * place; the matchers are vitest's own.
 */
import { format } from "node:util";
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  ChaiStyleAssertions,
  chai,
  type ExpectStatic,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";
import { type Context, declare, declaring, Group, type Hook } from "./collect.ts";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(ChaiStyleAssertions);
chai.use(JestAsymmetricMatchers);

const globals = globalThis as unknown as Record<symbol, unknown>;

export const expect: ExpectStatic = Object.assign(
  ((value: unknown, message?: string) => chai.expect(value, message)) as ExpectStatic,
  chai.expect,
  globals[ASYMMETRIC_MATCHERS_OBJECT],
);
globals[GLOBAL_EXPECT] = expect;
setState({ assertionCalls: 0 }, expect);

type Body = (context: Context) => unknown;
type Each = (cases: readonly unknown[]) => (name: string, body: (...values: never[]) => unknown) => void;

function group(name: string, body: () => void): void {
  const made = new Group(name, declaring());
  declaring().members.push(made);
  declare(made, body);
}

function declareTest(name: string, body: Body, skipped = false): void {
  declaring().members.push({ name, group: declaring(), body, skipped });
}

/** Declare one of `cases` each: an array is several arguments. */
function each(declareOne: (name: string, body: () => unknown) => void): Each {
  return (cases) => (name, body) => {
    for (const values of cases) {
      const list = Array.isArray(values) ? values : [values];
      declareOne(titled(name, list), () => body(...(list as never[])));
    }
  };
}

function titled(name: string, values: readonly unknown[]): string {
  const places = name.replaceAll("%%", "").split("%").length - 1;
  return format(name, ...values.slice(0, places));
}

export const describe = Object.assign(group, { each: each(group) });

export const test = Object.assign((name: string, body: Body) => declareTest(name, body), {
  each: each(declareTest),
  skip: (name: string, body: Body) => declareTest(name, body, true),
  skipIf: (skipped: unknown) => (name: string, body: Body) => declareTest(name, body, Boolean(skipped)),
  runIf: (run: unknown) => (name: string, body: Body) => declareTest(name, body, !run),
});
export const it = test;

export const beforeAll = (hook: Hook): void => void declaring().beforeAll.push(hook);
export const afterAll = (hook: Hook): void => void declaring().afterAll.push(hook);
export const beforeEach = (hook: Hook): void => void declaring().beforeEach.push(hook);
export const afterEach = (hook: Hook): void => void declaring().afterEach.push(hook);

export { onTestFinished } from "./execute.ts";
