/** What a hostile program throws, rejects with, or returns, and promises that keep no rule. */
import { Failure } from "../../../src/internet/failure.ts";
import { HOSTILE_VALUES, revoked } from "../../helpers/hostilevalues.ts";

/** Something hostile, and what a report calls it. */
export interface Named {
  readonly name: string;
  readonly make: () => unknown;
}

const HUGE = "x".repeat(1 << 18);

const values: Readonly<Record<string, () => unknown>> = {
  ...HOSTILE_VALUES,
  zero: () => 0,
  "an empty string": () => "",
  "a huge string": () => HUGE,
  "an ordinary Error": () => new Error("hostile"),
  "an Error with a huge message": () => new Error(HUGE),
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
