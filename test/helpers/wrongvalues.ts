/** Values of every kind that plain JavaScript may pass where another one is due. Their types are read by publicsurface.ts. */

function revoked(): never {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy as never;
}

/** By names for messages. A revoked proxy has the type of a plain object, since a type cannot say more of it. */
export const WRONG_VALUES = {
  undefined: undefined,
  null: null,
  NaN: Number.NaN,
  "-1": -1,
  "1.5": 1.5,
  Infinity: Number.POSITIVE_INFINITY,
  "2**53": 2 ** 53,
  0: 0,
  true: true as boolean,
  false: false as boolean,
  '""': "" as string,
  '"x"': "x" as string,
  '"80"': "80" as string,
  "10n": 10n,
  "Symbol()": Symbol("a symbol"),
  "{}": {},
  "an object without a prototype": Object.create(null) as Record<never, never>,
  "a revoked proxy": revoked() as Record<never, never>,
  "[]": [] as number[],
  '["x"]': ["x"],
  "a function": () => undefined,
  "an async function": async () => undefined,
  "a class": class Unfit {},
  "a Date": new Date(0),
  "a Map": new Map<string, string>(),
  "a Uint8Array": new Uint8Array(2),
  "an ArrayBuffer": new ArrayBuffer(2),
  "a promise": Promise.resolve(1),
};
