/**
 * The kernel's error numbers in words. Numbers here are positive: those of errno(3). Windows has several kinds: what is
 * made here are those that Node has, and those of the C runtime are understood.
 */

import { constants } from "node:os";
import { getSystemErrorMap, getSystemErrorName as nameOf } from "node:util";

/** "ECONNREFUSED" for 111 on Linux; "E<number>" for one that Node does not know. */
export function getSystemErrorName(errno: number): string {
  const name = nameOf(-numberOfNode(errno));
  return name === undefined || name.startsWith("Unknown") ? `E${errno}` : name;
}

const numbers = new Map<string, number>();

/** 111 for "ECONNREFUSED" on Linux; undefined for what Node does not know. */
export function errnoNamed(name: string): number | undefined {
  if (numbers.size === 0) for (const [number, [known]] of getSystemErrorMap()) numbers.set(known, -number);
  return numbers.get(name);
}

/** Whether the process (EMFILE) or the system (ENFILE) is out of descriptors. */
export function isDescriptorLack(errno: number): boolean {
  return ["EMFILE", "ENFILE"].includes(getSystemErrorName(errno));
}

/** Windows' C runtime has numbers of its own, which the addon tells errors by: 108 where Node has 4077. */
function numberOfNode(errno: number): number {
  if (process.platform !== "win32" || errno >= 4000) return errno;
  const name = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0];
  return (name === undefined ? undefined : errnoNamed(name)) ?? errno;
}

/** "connection refused" for 111 on Linux. */
export function getSystemErrorMessage(errno: number): string {
  return getSystemErrorMap().get(-numberOfNode(errno))?.[1] ?? `error ${errno}`;
}
