/** The errno of what node:net reports: positive, and the number that Node has for it on this platform. */
import { errnoNamed } from "../errno.ts";

/** The errno for the `code` of a node:net error; EIO for an unknown code. */
export function errnoOf({ code = "" }: NodeJS.ErrnoException): number {
  return errnoNamed(code) ?? errnoNamed("EIO")!;
}
