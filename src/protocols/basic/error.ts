/** The errors of string protocols and transfers. */
import { SkeinError } from "../../internet/error.ts";

/** A string is too long for its length prefix. */
export class StringTooLongError extends SkeinError {
  override readonly code: string = "ERR_STRING_TOO_LONG";
}

/** The consumer stopped the transfer, for example because its connection was lost. */
export class TransferStoppedError extends SkeinError {
  override readonly code: string = "ERR_TRANSFER_STOPPED";
}
