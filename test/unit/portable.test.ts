/** How the conformance suite's bundle runs tests where vitest cannot: as vitest would. */
import { describe, expect, test } from "vitest";
import { collect, declaring, Group, type Hook } from "../portable/collect.ts";
import { execute, type Outcome, onTestFinished } from "../portable/execute.ts";
import { behaviourOf, fileOf, titleOf } from "../portable/results.ts";

/** Declare by `body`, run, and tell how each test came out. */
async function run(body: (group: Group) => void, timeout = 1000): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const root = await collect("file", async () => body(declaring()));
  await execute(root, {
    timeout,
    wanted: (names) => !names.includes("unwanted"),
    begun: () => {},
    ended: (names, outcome) => outcomes.set(names.join(" > "), outcome),
  });
  return outcomes;
}

function add(group: Group, name: string, body: Hook): void {
  group.members.push({ name, group, body, skipped: false });
}

function addGroup(group: Group, name: string): Group {
  const inner = new Group(name, group);
  group.members.push(inner);
  return inner;
}

describe("a bundled test run", () => {
  test("calls hooks from the outermost to the innermost, and back", async () => {
    const calls: string[] = [];
    const note = (what: string) => () => void calls.push(what);
    await run((root) => {
      root.beforeAll.push(note("before all"));
      root.afterAll.push(note("after all"));
      root.beforeEach.push(note("outer"));
      root.afterEach.push(note("after outer"));
      const inner = addGroup(root, "inner");
      inner.beforeEach.push(note("inner"));
      inner.afterEach.push(note("after inner"));
      add(inner, "a", () => {
        calls.push("a");
        onTestFinished(note("finished"));
      });
      add(root, "unwanted", note("unwanted"));
    });
    expect(calls).toEqual(["before all", "outer", "inner", "a", "after inner", "after outer", "finished", "after all"]);
  });

  test("continues after a test that throws or does not end", async () => {
    let cleaned = 0;
    const outcomes = await run((root) => {
      root.afterEach.push(() => cleaned++);
      add(root, "throws", () => {
        throw new TypeError("wrong");
      });
      add(root, "hangs", () => new Promise(() => {}));
      add(root, "passes", () => {});
    }, 50);
    expect([...outcomes.values()].map(({ state }) => state)).toEqual(["failed", "failed", "passed"]);
    expect(outcomes.get("throws")!.error).toContain("TypeError: wrong");
    expect(outcomes.get("hangs")!.error).toContain("0.05 seconds");
    expect(cleaned).toBe(3);
  });

  test("reports why a hook skipped a test, whose body it does not call", async () => {
    const outcomes = await run((root) => {
      root.beforeEach.push(({ task, skip }) => {
        if (task.name === "impossible") skip("not here");
      });
      add(root, "impossible", () => {
        throw new Error("called");
      });
    });
    expect(outcomes.get("impossible")).toMatchObject({ state: "skipped", error: "not here" });
  });
});

describe("the results", () => {
  test("take a test's reactor from the names around it", () => {
    const subject = { reactor: "io_uring", driver: "pollable", transport: "IPv6" } as const;
    const names = ["group", titleOf(subject), "of a client", "it works"];
    expect(behaviourOf(names)).toEqual({ ...subject, behaviour: "group > of a client > it works" });
    expect(behaviourOf(["group", "it works"])).toBeUndefined();
  });

  test("are in a file named for the platform", () => {
    expect(fileOf({ platform: "linux", arch: "x64" })).toBe("linux-x64.json");
    expect(fileOf({ platform: "win32", arch: "x64", label: "wine" })).toBe("win32-x64-wine.json");
  });
});
