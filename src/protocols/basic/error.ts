/** What goes wrong with strings and transfers. */
import { SkeinError } from "../../internet/error.ts";

/** A string is too long for the prefix that would tell its length. */
export class StringTooLongError extends SkeinError {
  override readonly code: string = "ERR_STRING_TOO_LONG";
}

/** The consumer of a transfer wants no more, as when its connection was lost. */
export class TransferStoppedError extends SkeinError {
  override readonly code: string = "ERR_TRANSFER_STOPPED";
}
