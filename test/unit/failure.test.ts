import { runInNewContext } from "node:vm";
import { describe, expect, expectTypeOf, it } from "vitest";
import { Deferred, fail, succeed } from "../../src/entries/defer.ts";
import { type ErrorType, Failure } from "../../src/internet/failure.ts";

class AppError extends Error {}
class DiskError extends AppError {}

/** What `f` throws. */
function thrownBy(f: () => unknown): unknown {
  try {
    f();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("a Failure", () => {
  it("holds the thrown value, and its class", () => {
    const error = new DiskError("full");
    const failure = new Failure(error);
    expect(failure.value).toBe(error);
    expect(failure.type).toBe(DiskError);
  });

  it("of a Failure holds the same value", () => {
    const inner = new Failure(new AppError("once"));
    const outer = new Failure(inner);
    expect(outer).not.toBe(inner);
    expect(outer.value).toBe(inner.value);
  });

  it.each([
    ["a string", "oops", String],
    ["a number", 404, Number],
    ["a plain object", { reason: "none" }, Object],
    ["null", null, undefined],
    ["undefined", undefined, undefined],
    ["an object without prototype", Object.create(null), undefined],
  ])("wraps %s as it is", (_, value: unknown, type) => {
    const failure = new Failure(value);
    expect(failure.value).toBe(value);
    expect(failure.type).toBe(type);
    expect(thrownBy(() => failure.raiseException())).toBe(value);
  });

  it("captures no stack of its own", () => {
    expect(Object.keys(new Failure(new Error("x")))).toEqual(["value"]);
  });
});

describe("check()", () => {
  it("returns the first type that matches", () => {
    const failure = new Failure(new DiskError("full"));
    expect(failure.check(RangeError, AppError, DiskError)).toBe(AppError);
  });

  it("returns undefined when none matches, or none is given", () => {
    const failure = new Failure(new AppError("x"));
    expect(failure.check(DiskError, TypeError)).toBeUndefined();
    expect(failure.check()).toBeUndefined();
  });

  it("matches a primitive by its wrapper class, and never matches null and undefined", () => {
    expect(new Failure("oops").check(Error, String)).toBe(String);
    expect(new Failure(null).check(Object)).toBeUndefined();
    expect(new Failure(undefined).check(Object)).toBeUndefined();
  });

  it("has the type of its arguments", () => {
    const failure = new Failure(new AppError("x"));
    expectTypeOf(failure.check(AppError, RangeError)).toEqualTypeOf<
      typeof AppError | RangeErrorConstructor | undefined
    >();
    expectTypeOf(failure.trap(AppError)).toEqualTypeOf<typeof AppError>();
    expectTypeOf(failure.value).toBeUnknown();
    expectTypeOf(failure.type).toEqualTypeOf<ErrorType | undefined>();
    expectTypeOf<Failure["raiseException"]>().returns.toBeNever();
  });
});

describe("trap()", () => {
  it("returns the type that matches", () => {
    expect(new Failure(new DiskError("full")).trap(TypeError, AppError)).toBe(AppError);
  });

  it("throws the value itself when none matches", () => {
    const error = new AppError("x");
    const failure = new Failure(error);
    expect(thrownBy(() => failure.trap(DiskError, TypeError))).toBe(error);
    expect(thrownBy(() => failure.trap())).toBe(error);
  });
});

describe("the text of a Failure", () => {
  it("has the error's message", () => {
    expect(new Failure(new AppError("disk on fire")).getErrorMessage()).toBe("disk on fire");
    expect(new Failure("just text").getErrorMessage()).toBe("just text");
    expect(new Failure(undefined).getErrorMessage()).toBe("undefined");
  });

  it("has the stack of the error and of its causes", () => {
    const cause = new TypeError("the root of it");
    const error = new AppError("it failed", { cause });
    const traceback = new Failure(error).getTraceback();
    expect(traceback).toContain(error.stack);
    expect(traceback).toContain("the root of it");
    expect(traceback).toContain("failure.test.ts");
  });

  it("is available for values that cannot be converted to text", () => {
    const hostile = {
      toString(): string {
        throw new Error("no");
      },
    };
    expect(new Failure(hostile).getErrorMessage()).toBe("[object Object]");
    expect(new Failure(Object.create(null)).getTraceback()).toBe("[object Object]");
  });

  it("goes to the file given to printTraceback()", () => {
    const written: string[] = [];
    const failure = new Failure(new AppError("x"));
    failure.printTraceback({ write: (text) => written.push(text) });
    expect(written).toEqual([`${failure.getTraceback()}\n`]);
  });

  it("names the class and the message in short", () => {
    expect(String(new Failure(new DiskError("full")))).toBe("[Failure DiskError: full]");
    expect(String(new Failure(null))).toBe("[Failure object: null]");
  });
});

describe("the classes of a Failure", () => {
  it("are named from the most derived up", () => {
    expect(new Failure(new DiskError("full")).parents.slice(0, 1)).toEqual(["DiskError"]);
    expect(new Failure(new DiskError("full")).parents.slice(-2)).toEqual(["Error", "Object"]);
    expect(new Failure("text").parents).toEqual(["String", "Object"]);
    expect(new Failure(null).parents).toEqual([]);
    expect(new Failure(Object.create(null)).parents).toEqual([]);
  });

  it("match by name, and an error matches by its code", () => {
    const failure = new Failure(Object.assign(new DiskError("full"), { code: "ENOSPC" }));
    expect(failure.check("TypeError", "DiskError")).toBe("DiskError");
    expect(failure.check("Error")).toBe("Error");
    expect(failure.check("ENOSPC")).toBe("ENOSPC");
    expect(failure.check("EACCES")).toBe(undefined);
    expect(failure.trap("ENOSPC", TypeError)).toBe("ENOSPC");
    expect(() => failure.trap("EACCES")).toThrow(DiskError);
  });
});

describe("getBriefTraceback()", () => {
  it("has a line for the error and one for each cause", () => {
    const error = new DiskError("full", { cause: new TypeError("why", { cause: "because" }) });
    expect(new Failure(error).getBriefTraceback()).toBe(
      `${error.name}: full\ncaused by: TypeError: why\ncaused by: because`,
    );
  });

  it("ends when the causes form a cycle", () => {
    const error = new DiskError("a");
    error.cause = error;
    expect(new Failure(error).getBriefTraceback()).toBe(`${error.name}: a`);
  });
});

describe("a Failure thrown into a generator", () => {
  it("is thrown at the current yield", () => {
    const error = new DiskError("full");
    function* patient(): Generator<string, string> {
      try {
        yield "waiting";
      } catch (caught) {
        return caught === error ? "caught" : "another";
      }
      return "missed";
    }
    const generator = patient();
    generator.next();
    expect(new Failure(error).throwExceptionIntoGenerator(generator)).toEqual({ done: true, value: "caught" });
  });

  it("is thrown out of a generator that does not catch it", () => {
    const error = new DiskError("full");
    function* careless(): Generator<number> {
      yield 1;
    }
    const generator = careless();
    generator.next();
    expect(() => new Failure(error).throwExceptionIntoGenerator(generator)).toThrow(error);
  });
});

describe("aggregate errors", () => {
  it("show each of them", () => {
    const error = new AggregateError([new TypeError("one"), "two"], "both failed");
    const text = new Failure(error).getTraceback();
    expect(text).toMatch(/AggregateError: both failed[\s\S]*together with: TypeError: one[\s\S]*together with: two$/);
  });

  it("show a limited number, and how many more there are", () => {
    const error = new AggregateError(Array.from({ length: 100 }, (_, i) => `e${i}.`));
    const text = new Failure(error).getTraceback();
    expect(text).toContain("e15.");
    expect(text).not.toContain("e16.");
    expect(text).toMatch(/and 84 more$/);
  });

  it("end when they contain themselves", () => {
    const error = new AggregateError([], "circle");
    error.errors.push(error, error);
    expect(new Failure(error).getTraceback().length).toBeLessThan(100_000);
  });
});

describe("an error of another realm", () => {
  const foreign = (): unknown => runInNewContext("new TypeError('from afar')");

  it("matches by the name of its class", () => {
    const failure = new Failure(foreign());
    expect(failure.check(TypeError)).toBe(undefined);
    expect(failure.check("RangeError", "TypeError")).toBe("TypeError");
    expect(failure.parents).toEqual(["TypeError", "Error", "Object"]);
  });

  it("has its message and its stack", () => {
    const failure = new Failure(foreign());
    expect(failure.getErrorMessage()).toBe("from afar");
    expect(failure.getTraceback()).toMatch(/^TypeError: from afar\n +at /);
    expect(failure.getBriefTraceback()).toBe("TypeError: from afar");
  });
});

describe("check() by name", () => {
  it.each([
    ["a class", new DiskError("x"), "DiskError", "DiskError"],
    ["a class above", new DiskError("x"), "AppError", "AppError"],
    ["Error", new DiskError("x"), "Error", "Error"],
    ["a code", Object.assign(new Error("x"), { code: "EPIPE" }), "EPIPE", "EPIPE"],
    ["a primitive's wrapper", 5, "Number", "Number"],
    ["another class", new AppError("x"), "DiskError", undefined],
    ["a part of a name", new DiskError("x"), "Disk", undefined],
    ["nothing, of null", null, "Object", undefined],
    ["nothing, of undefined", undefined, "Object", undefined],
  ])("finds %s", (_what, value, name, found) => {
    expect(new Failure(value).check(name)).toBe(found);
  });

  it("mixes with classes, and returns the first that matches", () => {
    expect(new Failure(new DiskError("x")).check("TypeError", AppError, "DiskError")).toBe(AppError);
  });
});

describe("a Failure in a chain", () => {
  it("is rethrown by trap() to the next errback if the type does not match", () => {
    const error = new AppError("x");
    const seen: unknown[] = [];
    fail(error)
      .addErrback((failure) => {
        failure.trap(TypeError);
        seen.push("never");
      })
      .addErrback((failure) => {
        seen.push(failure.value);
      });
    expect(seen).toEqual([error]);
  });

  it("that is thrown counts as its value", () => {
    const error = new AppError("x");
    const failure = new Failure(error);
    let seen: Failure | undefined;
    succeed()
      .addCallback(() => {
        throw failure;
      })
      .addErrback((next) => {
        seen = next;
      });
    expect(seen?.value).toBe(error);
  });

  it("that is returned stays a failure", () => {
    const failure = new Failure(new AppError("x"));
    let seen: unknown;
    succeed()
      .addCallback(() => failure)
      .addErrback((next) => {
        seen = next;
      });
    expect(seen).toBe(failure);
  });

  it("is the same object for every errback that passes it on", () => {
    const seen: Failure[] = [];
    const d = new Deferred<void>();
    for (let i = 0; i < 3; i++) {
      d.addErrback((failure) => {
        seen.push(failure);
        return failure;
      });
    }
    d.errback(new AppError("x"));
    d.addErrback(() => undefined);
    expect(new Set(seen).size).toBe(1);
    expect(seen).toHaveLength(3);
  });

  it("keeps the stack of the error's creation, wherever it is rethrown", () => {
    function origin(): Error {
      return new AppError("here");
    }
    const failure = new Failure(origin());
    const raised = thrownBy(() => failure.raiseException()) as Error;
    expect(new Failure(raised).getTraceback()).toContain("origin");
  });
});

describe("printTraceback()", () => {
  it("goes to standard error by default", () => {
    const write = process.stderr.write;
    let text = "";
    process.stderr.write = (chunk: string | Uint8Array) => {
      text += String(chunk);
      return true;
    };
    try {
      new Failure(new DiskError("printed")).printTraceback();
    } finally {
      process.stderr.write = write;
    }
    expect(text).toMatch(/printed\n[\s\S]*\n$/);
  });
});

describe("a Failure of a value that is not made by `new Error`", () => {
  it("knows an abort by its name and its message", () => {
    const controller = new AbortController();
    controller.abort();
    const failure = new Failure(controller.signal.reason);
    expect(failure.check("AbortError", "DOMException")).toBe("DOMException");
    expect(failure.getErrorMessage()).toMatch(/aborted/);
  });

  it("knows a system error by its code", () => {
    const error = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", errno: -111 });
    expect(new Failure(error).trap("EPIPE", "ECONNREFUSED")).toBe("ECONNREFUSED");
  });

  it("knows an error without a stack, and one whose class has no name", () => {
    const bare = new Error("bare");
    delete bare.stack;
    expect(new Failure(bare).getTraceback()).toContain("bare");
    const nameless = new (class extends Error {})("who");
    expect(new Failure(nameless).parents.slice(1)).toEqual(["Error", "Object"]);
  });

  it("is distinguished from a result by its class alone", () => {
    expect(new Failure(new Failure(1)) instanceof Failure).toBe(true);
    expect({ value: 1 } instanceof Failure).toBe(false);
  });
});
