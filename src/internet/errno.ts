/** The kernel's error numbers in words. Numbers here are positive, as errno(3) has them. */

import { getSystemErrorMap, getSystemErrorName as nameOf } from "node:util";

/** "ECONNREFUSED" for 111 on Linux; "E<number>" for one that Node does not know. */
export function getSystemErrorName(errno: number): string {
  const name = nameOf(-errno);
  return name === undefined || name.startsWith("Unknown") ? `E${errno}` : name;
}

/** "connection refused" for 111 on Linux. */
export function getSystemErrorMessage(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? `error ${errno}`;
}
