/** Values that a program may throw or return, and that throw in turn when one looks at them. */

function throwing(thrown: () => unknown): PropertyDescriptor {
  return {
    configurable: true,
    get() {
      throw thrown();
    },
  };
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** A Proxy of which every trap throws. */
function trapping(): unknown {
  const trap = (): never => {
    throw new Error("a trap");
  };
  return new Proxy({}, new Proxy({}, { get: () => trap }));
}

function circular(): unknown {
  const [one, other] = [new Error("one"), new Error("other")];
  one.cause = other;
  other.cause = one;
  return Object.assign(one, { errors: [one, other, revoked({})] });
}

/** An Error whose every property throws what cannot be looked at either. */
function opaque(): unknown {
  const error = new Error("opaque");
  // The stack first: V8 makes its text of the others when it is looked at.
  for (const name of ["stack", "name", "message", "cause", "errors", "code", "toString", "constructor", "then"]) {
    Object.defineProperty(
      error,
      name,
      throwing(() => revoked({})),
    );
  }
  return error;
}

const errorWithout = (name: string) => (): unknown =>
  Object.defineProperty(
    new Error("of a part"),
    name,
    throwing(() => new Error(`no ${name}`)),
  );

/** Each makes a fresh one. */
export const HOSTILE_VALUES: Readonly<Record<string, () => unknown>> = {
  "a revoked Proxy": () => revoked({}),
  "a revoked Proxy of a function": () => revoked(() => undefined),
  "a revoked Proxy of an array": () => revoked([]),
  "a Proxy that throws at every access": trapping,
  "an object without prototype": () => Object.create(null),
  "an Error whose message throws": errorWithout("message"),
  "an Error whose name throws": errorWithout("name"),
  "an Error whose stack throws": errorWithout("stack"),
  "an Error whose cause throws": errorWithout("cause"),
  "an Error whose toString throws": errorWithout("toString"),
  "an Error whose constructor throws": errorWithout("constructor"),
  "an Error whose errors throw": errorWithout("errors"),
  "an Error whose every property throws a revoked Proxy": opaque,
  "an Error whose stack is no string": () => Object.assign(new Error("x"), { stack: Object.create(null) }),
  "an Error whose causes go in a circle": circular,
  "an Error that is caused by a revoked Proxy": () => new Error("x", { cause: revoked({}) }),
  "an object whose then throws": () =>
    Object.defineProperty(
      {},
      "then",
      throwing(() => revoked({})),
    ),
  "an object whose toString returns an object": () => ({ toString: () => ({}) }),
  "a Symbol": () => Symbol("thrown"),
  "a function": () => () => undefined,
  "a bigint": () => 1n,
  undefined: () => undefined,
  null: () => null,
};
