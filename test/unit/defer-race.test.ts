import { describe, expect, it } from "vitest";
import { CancelledError, Deferred, FailureGroup, fail, race, succeed } from "../../src/entries/defer.ts";
import { SkeinError, TimeoutError } from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import { Clock } from "../../src/testing/clock.ts";
import { errorOf, watch } from "../helpers/outcome.ts";

const boom = new Error("boom");

describe("race", () => {
  it("fires with the index and the result of the first member that succeeds", () => {
    const [a, b] = [new Deferred<string>(), new Deferred<string>()];
    const seen = watch(race([a, b]));
    expect(seen).toEqual([]);
    b.callback("b");
    expect(seen).toEqual([[1, "b"]]);
  });

  it("fires at once with the first of those that have succeeded already", () => {
    expect(watch(race([new Deferred<string>(), succeed("b"), succeed("c")]))).toEqual([[1, "b"]]);
  });

  it("cancels the others, before it fires", () => {
    const order: string[] = [];
    const a = new Deferred<string>(() => order.push("a cancelled"));
    const b = new Deferred<string>();
    const c = new Deferred<string>(() => order.push("c cancelled"));
    race([a, b, c]).addCallback(() => order.push("fired"));
    b.callback("b");
    expect(order).toEqual(["a cancelled", "c cancelled", "fired"]);
  });

  it("ignores the result or error of a cancelled member", () => {
    const result = new Deferred<string>((d) => d.callback("me too"));
    const error = new Deferred<string>((d) => d.errback(boom));
    const winner = new Deferred<string>();
    const seen = watch(race([result, winner, error]));
    winner.callback("won");
    expect(seen).toEqual([[1, "won"]]);
  });

  it("consumes its members: later callbacks get undefined, whoever won or failed", () => {
    const [a, b, c] = [new Deferred<string>(), new Deferred<string>(), new Deferred<string>()];
    const seen = watch(race([a, b, c]));
    a.errback(boom);
    b.callback("won");
    expect([...watch(a), ...watch(b), ...watch(c)]).toEqual([undefined, undefined, undefined]);
    expect(seen).toEqual([[1, "won"]]);
  });

  it("ignores failures while another member may still succeed", () => {
    const b = new Deferred<string>();
    const seen = watch(race([fail(boom), b]));
    expect(seen).toEqual([]);
    b.callback("good");
    expect(seen).toEqual([[1, "good"]]);
  });

  it("fails with all Failures, in the order of the members, when every one has failed", () => {
    const [a, b] = [new Deferred<string>(), new Deferred<string>()];
    const result = race([a, b]);
    const failures = [new Failure(boom), new Failure("other")] as const;
    b.errback(failures[1]);
    a.errback(failures[0]);
    const group = errorOf(result, FailureGroup);
    expect(group.failures[0]).toBe(failures[0]);
    expect(group.failures[1]).toBe(failures[1]);
    expect(group.failures).toHaveLength(2);
  });

  it("fails at once without members", () => {
    expect(errorOf(race([]), FailureGroup).failures).toEqual([]);
  });

  it("when cancelled cancels all of them and fails with CancelledError", () => {
    const [a, b] = [new Deferred<string>(), new Deferred<string>()];
    const result = race([a, b]);
    result.cancel(boom);
    expect([a.called, b.called]).toEqual([true, true]);
    expect(errorOf(result, CancelledError).cause).toBe(boom);
  });

  it("when cancelled passes the cause to all cancellers", () => {
    const causes: unknown[] = [];
    const member = (): Deferred<string> => new Deferred<string>((_, cause) => causes.push(cause));
    const result = race([member(), member()]);
    result.cancel(boom);
    errorOf(result, CancelledError);
    expect(causes).toEqual([boom, boom]);
  });

  it("when cancelled fires with the result that a canceller gives", () => {
    const a = new Deferred<string>();
    const b = new Deferred<string>((d) => d.callback("in a hurry"));
    const result = race([a, b]);
    result.cancel();
    expect(watch(result)).toEqual([[1, "in a hurry"]]);
  });

  it("fails with TimeoutError when a timeout cancels it", () => {
    const clock = new Clock();
    const a = new Deferred<string>();
    const result = race([a, new Deferred<string>()]).addTimeout(1, clock);
    clock.advance(1);
    expect(a.called).toBe(true);
    errorOf(result, TimeoutError);
  });

  it("accepts promises, whose rejections it handles", async () => {
    expect(await race([Promise.reject(boom), Promise.resolve("p")])).toEqual([1, "p"]);
    expect(await race([new Deferred<string>(), Promise.resolve("p")])).toEqual([1, "p"]);
    await expect(race([Promise.reject(boom)])).rejects.toBeInstanceOf(FailureGroup);
  });

  it("accepts any iterable", () => {
    expect(watch(race(new Set([new Deferred<number>(), succeed(2)])))).toEqual([[1, 2]]);
  });
});

describe("a race that has a result when a member succeeds", () => {
  it("leaves the member alone, whether it was cancelled or fired by the program", () => {
    for (const end of [(r: Deferred<unknown>) => r.cancel(), (r: Deferred<unknown>) => r.callback("the program's")]) {
      const member = new Deferred<number>();
      member.pause();
      member.callback(1);
      const result: Deferred<unknown> = race([member]);
      result.addErrback(() => undefined);
      end(result);
      member.unpause();
      expect(watch(member)).toEqual([undefined]);
    }
  });
});

describe("FailureGroup", () => {
  it("is a SkeinError with a code and a message that has those of all failures", () => {
    const group = new FailureGroup([new Failure(boom), new Failure("flat")]);
    expect(group).toBeInstanceOf(SkeinError);
    expect([group.name, group.code]).toEqual(["FailureGroup", "ERR_FAILURE_GROUP"]);
    expect(group.message).toMatch(/None of 2 .*\n {2}0: boom\n {2}1: flat/);
  });
});
