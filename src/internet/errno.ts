/**
 * The kernel's error numbers in words. Numbers here are positive: those of errno(3), and on Windows, which has several
 * kinds, those that Node has for them.
 */

import { getSystemErrorMap, getSystemErrorName as nameOf } from "node:util";

/** "ECONNREFUSED" for 111 on Linux; "E<number>" for one that Node does not know. */
export function getSystemErrorName(errno: number): string {
  const name = nameOf(-errno);
  return name === undefined || name.startsWith("Unknown") ? `E${errno}` : name;
}

const numbers = new Map<string, number>();

/** 111 for "ECONNREFUSED" on Linux; undefined for what Node does not know. */
export function errnoNamed(name: string): number | undefined {
  if (numbers.size === 0) for (const [number, [known]] of getSystemErrorMap()) numbers.set(known, -number);
  return numbers.get(name);
}

/** "connection refused" for 111 on Linux. */
export function getSystemErrorMessage(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? `error ${errno}`;
}
