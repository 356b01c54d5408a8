import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Deferred } from "../../src/entries/defer.ts";
import type { TriggerPhase } from "../../src/internet/interfaces.ts";
import { ThreePhaseEvent } from "../../src/internet/reactor/triggers.ts";
import { type LogEvent, setObserver } from "../../src/logger/logger.ts";

const logged: LogEvent[] = [];
beforeEach(() => {
  logged.length = 0;
  setObserver((event) => logged.push(event));
});
afterEach(() => {
  setObserver(undefined);
});

const errors = () => logged.map((event) => (event.error as Error).message);

describe("a three-phase event", () => {
  it("runs before, its own action, during and after synchronously, each phase in the order of its triggers", () => {
    const event = new ThreePhaseEvent("shutdown");
    const ran: unknown[] = [];
    for (const phase of ["after", "during", "before"] as const) {
      event.add(phase, (...args) => ran.push(args), [phase, 1]);
      event.add(phase, (...args) => ran.push(args), [phase, 2]);
    }
    const finished = event.fire(() => ran.push("own"));
    expect(ran).toEqual([
      ["before", 1],
      ["before", 2],
      "own",
      ["during", 1],
      ["during", 2],
      ["after", 1],
      ["after", 2],
    ]);
    expect(finished.called).toBe(true);
    expect(event.firing).toBe(false);
  });

  it("waits for every Deferred and thenable of the before phase", async () => {
    const event = new ThreePhaseEvent("startup");
    const ran: string[] = [];
    const first = new Deferred<void>();
    let fulfil: (() => void) | undefined;
    event.add("before", () => first, []);
    event.add("before", () => new Promise<void>((resolve) => (fulfil = resolve)), []);
    event.add("before", () => ran.push("before"), []);
    event.add("during", () => ran.push("during"), []);
    const finished = event.fire();
    expect(ran).toEqual(["before"]);
    first.callback();
    expect(ran).toEqual(["before"]);
    expect(event.firing).toBe(true);
    fulfil?.();
    await finished;
    expect(ran).toEqual(["before", "during"]);
  });

  it("continues synchronously when the last Deferred of the before phase fires", () => {
    const event = new ThreePhaseEvent("startup");
    const ran: string[] = [];
    const d = new Deferred<void>();
    event.add("before", () => d, []);
    event.add("after", () => ran.push("after"), []);
    event.fire();
    d.callback();
    expect(ran).toEqual(["after"]);
  });

  it("runs before triggers that are added while others are waited for", () => {
    const event = new ThreePhaseEvent("startup");
    const ran: string[] = [];
    const [first, second] = [new Deferred<void>(), new Deferred<void>()];
    event.add("before", () => first, []);
    event.add("during", () => ran.push("during"), []);
    event.fire();
    event.add("before", () => second, []);
    first.callback();
    expect(ran).toEqual([]);
    second.callback();
    expect(ran).toEqual(["during"]);
  });

  it("leaves the result in a Deferred of the before phase", () => {
    const event = new ThreePhaseEvent("startup");
    const d = new Deferred<string>();
    event.add("before", () => d, []);
    event.fire();
    d.callback("result");
    const results: string[] = [];
    d.addCallback((result) => {
      results.push(result);
    });
    expect(results).toEqual(["result"]);
  });

  it("logs exceptions, failures and rejections of triggers, and runs all the others", async () => {
    const event = new ThreePhaseEvent("shutdown");
    const ran: string[] = [];
    for (const phase of ["before", "during", "after"] as const) {
      event.add(phase, () => {
        throw new Error(`thrown ${phase}`);
      }, []);
      event.add(phase, async () => Promise.reject(new Error(`rejected ${phase}`)), []);
      event.add(phase, () => ran.push(phase), []);
    }
    const failing = new Deferred<void>();
    event.add("before", () => failing, []);
    const finished = event.fire();
    failing.errback(new Error("failed before"));
    await finished;
    await new Promise((resolve) => setImmediate(resolve));
    expect(ran).toEqual(["before", "during", "after"]);
    expect(errors().sort()).toEqual(
      [
        "failed before",
        ...["before", "during", "after"].flatMap((phase) => [`thrown ${phase}`, `rejected ${phase}`]),
      ].sort(),
    );
    expect(logged[0]?.message).toBe('A "before shutdown" trigger failed');
  });

  it("waits for the result of its own action before the during triggers", () => {
    const event = new ThreePhaseEvent("shutdown");
    const ran: string[] = [];
    const own = new Deferred<void>();
    event.add("during", () => ran.push("during"), []);
    event.fire(() => own);
    expect(ran).toEqual([]);
    own.callback();
    expect(ran).toEqual(["during"]);
  });

  it("fails with the failure of its own action, and keeps the later triggers", async () => {
    const event = new ThreePhaseEvent("startup");
    const ran: string[] = [];
    event.add("during", () => ran.push("during"), []);
    const finished = event.fire(() => {
      throw new Error("no I/O");
    });
    await expect(finished.asPromise()).rejects.toThrow("no I/O");
    expect(event.firing).toBe(false);
    expect(ran).toEqual([]);
    event.fire();
    expect(ran).toEqual(["during"]);
  });

  it("runs each trigger once, however often the event is fired", () => {
    const event = new ThreePhaseEvent("tick");
    let runs = 0;
    event.add("during", () => runs++, []);
    event.fire();
    event.fire();
    expect(runs).toBe(1);
  });

  it("stops once it is abandoned, and keeps the triggers that have not run", () => {
    const event = new ThreePhaseEvent("startup");
    const ran: string[] = [];
    const d = new Deferred<void>();
    event.add("before", () => d, []);
    event.add("during", () => ran.push("during"), []);
    const finished = event.fire();
    event.abandon();
    d.callback();
    expect(ran).toEqual([]);
    expect(finished.called).toBe(false);
    event.fire();
    expect(ran).toEqual(["during"]);
  });

  it("stops between two triggers when one of them abandons it", () => {
    const event = new ThreePhaseEvent("startup");
    const ran: string[] = [];
    event.add("during", () => event.abandon(), []);
    event.add("during", () => ran.push("during"), []);
    event.add("after", () => ran.push("after"), []);
    expect(event.fire().called).toBe(false);
    expect(ran).toEqual([]);
  });

  it("removes a trigger, once", () => {
    const event = new ThreePhaseEvent("startup");
    const ran: string[] = [];
    event.add("during", () => ran.push("kept"), []);
    const id = event.add("during", () => ran.push("removed"), []);
    expect(event.remove(id)).toBe(true);
    expect(event.remove(id)).toBe(false);
    event.fire();
    expect(ran).toEqual(["kept"]);
  });

  it("refuses an unknown phase, and a trigger that is not a function", () => {
    const event = new ThreePhaseEvent("startup");
    expect(() => event.add("around" as TriggerPhase, () => 0, [])).toThrow(RangeError);
    expect(() => event.add("before", 5 as unknown as () => void, [])).toThrow(TypeError);
  });
});
