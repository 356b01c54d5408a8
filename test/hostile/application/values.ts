/** Values that a hostile program throws, rejects with, or returns, and promises that keep no rule. */
import { inspect } from "node:util";
import { Failure } from "../../../src/internet/failure.ts";

/** Something hostile, and what a report calls it. */
export interface Named {
  readonly name: string;
  readonly make: () => unknown;
}

const HUGE = "x".repeat(1 << 18);

/** An object whose properties `names` throw when they are read. */
function trapped(object: object, ...names: readonly PropertyKey[]): object {
  for (const name of names) {
    Object.defineProperty(object, name, {
      configurable: true,
      get() {
        throw new Error(`the getter of ${String(name)}`);
      },
    });
  }
  return object;
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** A Proxy that refuses whatever is done to it. */
function refusing(target: object): object {
  const refuse = (): never => {
    throw new Error("a trap of a Proxy");
  };
  const traps = Object.getOwnPropertyNames(Reflect).map((name) => [name, refuse]);
  return new Proxy(target, Object.fromEntries(traps));
}

/** An error that is its own cause, three steps away. */
function circular(): Error {
  const errors = [new Error("one"), new Error("two"), new Error("three")] as const;
  for (const [i, error] of errors.entries()) error.cause = errors[(i + 1) % 3];
  return errors[0];
}

const values: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  zero: () => 0,
  "a bigint": () => 7n,
  "a Symbol": () => Symbol("hostile"),
  "an empty string": () => "",
  "a huge string": () => HUGE,
  "a function": () => () => undefined,
  "an ordinary Error": () => new Error("hostile"),
  "an object without prototype": () => Object.create(null),
  "a revoked Proxy": () => revoked({}),
  "a revoked Proxy of a function": () => revoked(() => undefined),
  "a revoked Proxy of an Error": () => revoked(new Error("hostile")),
  "a Proxy that refuses everything": () => refusing({}),
  "a Proxy of an Error that refuses everything": () => refusing(new Error("hostile")),
  "an Error whose message throws": () => trapped(new Error(), "message"),
  "an Error whose name throws": () => trapped(new Error("hostile"), "name"),
  "an Error whose stack throws": () => trapped(new Error("hostile"), "stack"),
  "an Error whose cause throws": () => trapped(new Error("hostile"), "cause"),
  "an Error whose code throws": () => trapped(new Error("hostile"), "code"),
  "an Error whose constructor throws": () => trapped(new Error("hostile"), "constructor"),
  "an Error whose everything throws": () =>
    trapped(new Error("hostile"), "message", "name", "stack", "cause", "code", "errors", "constructor", "toString"),
  "an Error whose stack is a Symbol": () => Object.assign(new Error("hostile"), { stack: Symbol("stack") }),
  "an Error whose message is a revoked Proxy": () => Object.assign(new Error(), { message: revoked({}), stack: null }),
  "an Error without prototype": () => Object.setPrototypeOf(new Error("hostile"), null),
  "an Error that is its own cause": circular,
  "an Error with a huge message": () => new Error(HUGE),
  "an Error with a hostile cause": () => new Error("hostile", { cause: revoked({}) }),
  "an AggregateError of hostile values": () => new AggregateError([revoked({}), Object.create(null), Symbol("one")]),
  "an AggregateError whose errors throw": () => trapped(new AggregateError([]), "errors"),
  "an AggregateError with a revoked Proxy of an Array": () =>
    Object.assign(new AggregateError([]), { errors: revoked([]) }),
  "an object whose conversions throw": () =>
    trapped({}, "toString", "valueOf", "toJSON", Symbol.toPrimitive, Symbol.toStringTag, inspect.custom),
  "an object that claims to be an Error": () => ({ name: 7, message: Symbol("message"), stack: {}, cause: null }),
  "a Failure of a revoked Proxy": () => new Failure(revoked({})),
};

export const VALUES: readonly Named[] = Object.entries(values).map(([name, make]) => ({ name, make }));

type Settle = (value?: unknown) => void;

const promises: Readonly<Record<string, () => unknown>> = {
  "a promise that never settles": () => new Promise(() => undefined),
  "a thenable that never settles": () => ({ then() {} }),
  "a thenable that throws": () => ({
    then() {
      throw revoked({});
    },
  }),
  "a thenable whose then is a getter that throws": () => trapped({}, "then"),
  "a function whose then is a getter that throws": () => trapped(() => undefined, "then"),
  "a thenable whose then can be read once": () => {
    let reads = 0;
    return {
      get then() {
        if (++reads > 1) throw new Error("read twice");
        return () => undefined;
      },
    };
  },
  "a thenable that fulfils twice": () => ({
    then(fulfil: Settle) {
      fulfil();
      fulfil(revoked({}));
    },
  }),
  "a thenable that fulfils and then throws": () => ({
    then(fulfil: Settle) {
      fulfil();
      throw revoked({});
    },
  }),
};

/** They hold up nobody, and nobody need handle a rejection of them. */
export const PROMISES: readonly Named[] = Object.entries(promises).map(([name, make]) => ({ name, make }));

/** Rejections with `value`: for callbacks of which Skein says that they may be async. */
export const REJECTIONS: Readonly<Record<string, (value: unknown) => unknown>> = {
  "a promise that is rejected with": (value) => Promise.reject(value),
  "a promise that is rejected later with": (value) =>
    new Promise((_, reject) => {
      setImmediate(() => reject(value));
    }),
  "a thenable that rejects twice with": (value) => ({
    then(_fulfil: Settle, reject?: Settle) {
      reject?.(value);
      reject?.(value);
    },
  }),
  "a thenable that rejects, fulfils later, and throws": (value) => ({
    then(fulfil: Settle, reject?: Settle) {
      setImmediate(() => fulfil());
      reject?.(value);
      throw value;
    },
  }),
};
