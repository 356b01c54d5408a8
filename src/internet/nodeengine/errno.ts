/** The errno of what node:net reports: positive, and the number that Node has for it on this platform. */
import { errnoNamed } from "../errno.ts";

/** The number for the `code` of an error that node:net has emitted; EIO for what the system has no name for. */
export function errnoOf({ code = "" }: NodeJS.ErrnoException): number {
  return errnoNamed(code) ?? errnoNamed("EIO")!;
}
