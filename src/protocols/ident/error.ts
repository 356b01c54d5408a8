/** The errors of ident servers. Each class stands for an error word of RFC 1413. */
import { SkeinError } from "../../internet/error.ts";
import { quoted } from "../../logger/printable.ts";

/** The server does not identify the owner of the connection, for an unknown reason. */
export class IdentError extends SkeinError {
  override readonly code: string = "ERR_IDENT";
  /** The error word on the wire. */
  readonly identDescription: string = "UNKNOWN-ERROR";

  constructor(
    message = "The ident server did not identify the owner of the connection, and gave no reason.",
    cause?: unknown,
  ) {
    super(message, cause === undefined ? {} : { cause });
  }
}
/** There is no such connection, or its owner has no name. */
export class NoUser extends IdentError {
  override readonly code: string = "ERR_IDENT_NO_USER";
  override readonly identDescription: string = "NO-USER";
  constructor(message = "There is no such connection, or its owner has no name.") {
    super(message);
  }
}
/** A port is out of range. */
export class InvalidPort extends IdentError {
  override readonly code: string = "ERR_IDENT_INVALID_PORT";
  override readonly identDescription: string = "INVALID-PORT";
  constructor(message = "A port is not an integer from 1 to 65535.") {
    super(message);
  }
}
/** The owner does not want to be identified. */
export class HiddenUser extends IdentError {
  override readonly code: string = "ERR_IDENT_HIDDEN_USER";
  override readonly identDescription: string = "HIDDEN-USER";
  constructor(message = "The owner of the connection does not want to be identified.") {
    super(message);
  }
}

const KINDS: readonly (new () => IdentError)[] = [NoUser, InvalidPort, HiddenUser];

/** The error for an error word. */
export function identErrorOf(description: string): IdentError {
  for (const Kind of KINDS) {
    const error = new Kind();
    if (error.identDescription === description) return error;
  }
  return new IdentError(
    description === "UNKNOWN-ERROR" ? undefined : `The ident server answered ${quoted(description)}.`,
  );
}
