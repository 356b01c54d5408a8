import { describe, expect, it } from "vitest";
import { Deferred, fail, pendingFailures, succeed } from "../../src/entries/defer.ts";
import { assertNoResult, failureResultOf, successResultOf } from "../../src/entries/testing.ts";

class Boom extends Error {}

describe("successResultOf", () => {
  it("returns the result, and leaves it in place", () => {
    const d = succeed(5);
    expect([successResultOf(d), successResultOf(d)]).toEqual([5, 5]);
  });

  it("throws when the Deferred has not fired", () => {
    expect(() => successResultOf(new Deferred())).toThrow(/has not fired/);
  });

  it("throws when the Deferred failed, with the error as its cause, and counts that as handled", () => {
    const before = pendingFailures().length;
    const error = new Boom("no");
    expect(() => successResultOf(fail(error))).toThrow(expect.objectContaining({ cause: error }));
    expect(pendingFailures()).toHaveLength(before);
  });
});

describe("failureResultOf", () => {
  it("returns the Failure, and counts it as handled", () => {
    const before = pendingFailures().length;
    const error = new Boom();
    expect(failureResultOf(fail(error)).value).toBe(error);
    expect(failureResultOf(fail(error), TypeError, Boom).value).toBe(error);
    expect(pendingFailures()).toHaveLength(before);
  });

  it("throws when the error has another type", () => {
    expect(() => failureResultOf(fail(new Boom("x")), TypeError, RangeError)).toThrow(/TypeError or RangeError.*Boom/);
  });

  it("throws when the Deferred has not fired, or has a result", () => {
    expect(() => failureResultOf(new Deferred())).toThrow(/has not fired/);
    expect(() => failureResultOf(succeed(5))).toThrow(/result 5/);
    expect(() => failureResultOf(succeed(Object.create(null)))).toThrow(/result \[object Object\]/);
  });
});

describe("assertNoResult", () => {
  it("passes when the Deferred has not fired, and does not affect its later result", () => {
    const d = new Deferred<number>();
    assertNoResult(d);
    d.callback(3);
    expect(successResultOf(d)).toBe(3);
  });

  it("throws when the Deferred has fired", () => {
    const error = new Boom();
    expect(() => assertNoResult(succeed(3))).toThrow(/result 3/);
    expect(() => assertNoResult(fail(error))).toThrow(expect.objectContaining({ cause: error }));
  });
});
