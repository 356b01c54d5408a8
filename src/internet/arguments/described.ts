/** Describes a wrong argument for the message of an error. */

const TEXT_MAX = 80;

/** Names a value: a string in quotes, an object by its class. */
export function described(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `${JSON.stringify(value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value)} (a string)`;
    case "bigint":
      return `${value}n (a bigint)`;
    case "function":
    case "object":
      return value === null ? "null" : describedObject(value);
    default:
      return String(value);
  }
}

function describedObject(value: object): string {
  try {
    if (typeof value === "function") return isClass(value) ? `the class ${value.name}` : "a function";
    const name = className(value);
    return name === "" || name === "Object" ? "a plain object" : `an instance of ${name}`;
  } catch {
    return "an object that cannot be inspected"; // a revoked proxy, or one with a getter that throws
  }
}

/** Whether `value` has a method of this name. */
export function has(value: unknown, method: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[method] === "function";
}

/** The first of `methods` that `value` lacks. */
export function missingMethod(value: unknown, methods: readonly string[]): string | undefined {
  return methods.find((name) => !has(value, name));
}

/** The name of an object's class; "" when it has none. */
export function className(value: object): string {
  const maker: unknown = value.constructor;
  return typeof maker === "function" ? maker.name : "";
}

/** Among functions that a program defines, only classes have a `prototype` that is not writable. */
function isClass(f: object): boolean {
  return Object.getOwnPropertyDescriptor(f, "prototype")?.writable === false;
}
