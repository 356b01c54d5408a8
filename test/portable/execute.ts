/** Runs declared tests one after the other, each with its hooks and within its time. */
import { inspect } from "node:util";
import type { Context, Group, Hook, Test } from "./collect.ts";
import type { State } from "./results.ts";

export interface Outcome {
  readonly state: State;
  /** In milliseconds. */
  readonly duration: number;
  readonly error?: string;
}

export interface Execution {
  /** In milliseconds, for a test as for each of its hooks. */
  readonly timeout: number;
  readonly wanted: (names: readonly string[]) => boolean;
  readonly begun: (names: readonly string[]) => void;
  readonly ended: (names: readonly string[], outcome: Outcome) => void;
}

class Skip extends Error {}

const finishers: (() => unknown)[] = [];
/** Ends the test that runs, with what nobody caught. */
let fail: ((error: unknown) => void) | undefined;

/** Call `f` when the test that runs has ended, its hooks included. */
export function onTestFinished(f: () => unknown): void {
  finishers.push(f);
}

/** Have errors that nobody catches end the test that runs, and not the process. */
export function catchStrays(): void {
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.on(event, (error) => {
      if (fail === undefined) throw error;
      fail(error);
    });
  }
}

/** Run what `group` has in it and below. */
export async function execute(group: Group, execution: Execution): Promise<void> {
  const tests = group.members.filter((member): member is Test => "body" in member && wanted(member, execution));
  const groups = group.members.filter((member): member is Group => "members" in member && holds(member, execution));
  if (tests.length + groups.length === 0) return;
  const context = contextOf(group.name, group);
  for (const hook of group.beforeAll) await within(execution.timeout, () => hook(context));
  for (const member of group.members) {
    if ("members" in member) await execute(member, execution);
    else if (tests.includes(member)) await run(member, execution);
  }
  for (const hook of group.afterAll.toReversed()) await within(execution.timeout, () => hook(context));
}

function namesOf({ name, group }: Test): string[] {
  return [...group.path.slice(1).map((outer) => outer.name), name];
}

function wanted(test: Test, execution: Execution): boolean {
  return execution.wanted(namesOf(test));
}

function holds(group: Group, execution: Execution): boolean {
  return group.members.some((member) => ("members" in member ? holds(member, execution) : wanted(member, execution)));
}

function contextOf(name: string, group: Group): Context {
  return {
    task: { name, suite: group.parent === undefined ? undefined : group, file: group.path[0]! },
    skip: (reason = "") => {
      throw new Skip(reason);
    },
  };
}

async function run(test: Test, { timeout, begun, ended }: Execution): Promise<void> {
  const names = namesOf(test);
  const { path } = test.group;
  const context = contextOf(test.name, test.group);
  begun(names);
  const began = performance.now();
  const errors: unknown[] = [];
  const attempt = (f: () => unknown) =>
    within(timeout, f).then(
      () => true,
      (error) => {
        errors.push(error);
        return false;
      },
    );
  const inOrder = async (hooks: readonly Hook[]) => {
    for (const hook of hooks) if (!(await attempt(() => hook(context)))) return false;
    return true;
  };
  if (test.skipped) errors.push(new Skip());
  else if (await inOrder(path.flatMap(({ beforeEach }) => beforeEach))) await attempt(() => test.body(context));
  for (const hook of path.flatMap(({ afterEach }) => afterEach).toReversed()) await attempt(() => hook(context));
  for (const finish of finishers.splice(0).toReversed()) await attempt(finish);
  ended(names, { ...judge(errors), duration: performance.now() - began });
}

function judge(errors: readonly unknown[]): Pick<Outcome, "state" | "error"> {
  const [first] = errors.filter((error) => !(error instanceof Skip));
  if (first !== undefined) return { state: "failed", error: first instanceof Error ? describe(first) : String(first) };
  const [skip] = errors as Skip[];
  return skip === undefined ? { state: "passed" } : { state: "skipped", error: skip.message };
}

function describe(error: Error): string {
  const { expected, actual } = error as { expected?: unknown; actual?: unknown };
  const both = expected === undefined ? "" : `\nexpected: ${show(expected)}\nactual: ${show(actual)}`;
  return `${error.stack ?? error}${both}`;
}

function show(value: unknown): string {
  const text = inspect(value, { depth: 4, breakLength: 120 });
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
}

/** What `f` comes to, or an error when that takes too long, or nobody catches one in the meantime. */
async function within(timeout: number, f: () => unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`It has not ended within ${timeout / 1000} seconds.`)), timeout);
      fail = reject;
      Promise.resolve().then(f).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    fail = undefined;
  }
}
