/** The errno of what node:net reports: positive, and the number that Node has for it on this platform. */
import { getSystemErrorMap } from "node:util";

const numbers = new Map<string, number>();

/** The number for such a name: of errno(3) on POSIX, of libuv on Windows. */
export function errnoNamed(name: string): number {
  if (numbers.size === 0) for (const [number, [known]] of getSystemErrorMap()) numbers.set(known, Math.abs(number));
  return numbers.get(name) ?? numbers.get("EIO")!;
}

/** The number of an error that node:net has emitted. */
export function errnoOf(error: NodeJS.ErrnoException): number {
  return errnoNamed(error.code ?? "");
}
