/** How wrongarguments.test.ts makes one of its calls. */

/** A call with good arguments, and what must hold after a call with a wrong one. */
export interface Call {
  readonly call: (...args: never[]) => unknown;
  readonly good: readonly unknown[];
  /** What was begun: nothing may be. */
  readonly begun?: () => readonly unknown[];
  /** The object can be used afterwards. */
  readonly after?: () => void;
}

/** Calls by their names in the public surface. Each is made anew for each wrong value. */
export type Calls = Readonly<Record<string, () => Call>>;

export const nothing = (): void => undefined;

/** A function. */
export function made(make: (...args: never[]) => unknown, ...good: unknown[]): () => Call {
  return () => ({ call: make, good });
}

/** `new Class(...good)`. */
export function constructed(Class: unknown, ...good: unknown[]): () => Call {
  return made((...args) => Reflect.construct(Class as new (...args: unknown[]) => object, args), ...good);
}

/** A method of an object that is fresh for each call. */
export function method(make: () => object, name: string, ...good: unknown[]): () => Call {
  return () => {
    const object = make() as Record<string, (...args: unknown[]) => unknown>;
    return { call: (...args) => object[name]!(...args), good };
  };
}
