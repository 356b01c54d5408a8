/** Values that a program may throw, reject with, or return, and that throw in turn, or mislead, when one looks at them. */
import { inspect } from "node:util";

/** Replace the properties `names` of `object` by getters that throw `thrown()`; its own Error by default. */
export function trapped(
  object: object,
  names: readonly PropertyKey[],
  thrown = (name: PropertyKey): unknown => new Error(`the getter of ${String(name)}`),
): object {
  for (const name of names) {
    Object.defineProperty(object, name, {
      configurable: true,
      get() {
        throw thrown(name);
      },
    });
  }
  return object;
}

export function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** A Proxy of which every trap throws. */
function refusing(target: object): object {
  const trap = (): never => {
    throw new Error("a trap of a Proxy");
  };
  return new Proxy(target, new Proxy({}, { get: () => trap }));
}

/** An error that is its own cause, three steps away, and one of its own errors. */
function circular(): Error {
  const errors = [new Error("one"), new Error("two"), new Error("three")] as const;
  for (const [i, error] of errors.entries()) error.cause = errors[(i + 1) % 3];
  return Object.assign(errors[0], { errors: [...errors, revoked({})] });
}

/** What is read of an Error. The stack first: V8 makes its text of the others when it is looked at. */
const PARTS = ["stack", "name", "message", "cause", "errors", "code", "toString", "constructor"] as const;

const errors: Readonly<Record<string, () => unknown>> = {
  ...Object.fromEntries(
    PARTS.map((name) => [`an Error whose ${name} throws`, () => trapped(new Error("of a part"), [name])]),
  ),
  "an Error whose every property throws a revoked Proxy": () =>
    trapped(new Error("opaque"), [...PARTS, "then"], () => revoked({})),
  "an Error whose stack is a Symbol": () => Object.assign(new Error("hostile"), { stack: Symbol("stack") }),
  "an Error whose stack is an object": () => Object.assign(new Error("hostile"), { stack: Object.create(null) }),
  "an Error whose message is a revoked Proxy": () => Object.assign(new Error(), { message: revoked({}), stack: null }),
  "an Error without prototype": () => Object.setPrototypeOf(new Error("hostile"), null),
  "an Error whose causes go in a circle": circular,
  "an Error that is caused by a revoked Proxy": () => new Error("hostile", { cause: revoked({}) }),
  "an AggregateError of hostile values": () => new AggregateError([revoked({}), Object.create(null), Symbol("one")]),
  "an AggregateError whose errors throw": () => trapped(new AggregateError([]), ["errors"]),
  "an AggregateError with a revoked Proxy of an array": () =>
    Object.assign(new AggregateError([]), { errors: revoked([]) }),
  "an object that claims to be an Error": () => ({ name: 7, message: Symbol("message"), stack: {}, cause: null }),
};

/** Each makes a fresh one. */
export const HOSTILE_VALUES: Readonly<Record<string, () => unknown>> = {
  "a revoked Proxy": () => revoked({}),
  "a revoked Proxy of a function": () => revoked(() => undefined),
  "a revoked Proxy of an array": () => revoked([]),
  "a revoked Proxy of an Error": () => revoked(new Error("hostile")),
  "a Proxy that refuses everything": () => refusing({}),
  "a Proxy of an Error that refuses everything": () => refusing(new Error("hostile")),
  "an object without prototype": () => Object.create(null),
  "an object whose then throws": () => trapped({}, ["then"], () => revoked({})),
  "a function whose then throws": () => trapped(() => undefined, ["then"]),
  "an object whose conversions throw": () =>
    trapped({}, ["toString", "valueOf", "toJSON", Symbol.toPrimitive, Symbol.toStringTag, inspect.custom]),
  "an object whose toString returns an object": () => ({ toString: () => ({}) }),
  ...errors,
  "a Symbol": () => Symbol("thrown"),
  "a function": () => () => undefined,
  "a bigint": () => 1n,
  undefined: () => undefined,
  null: () => null,
};
