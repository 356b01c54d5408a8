/** Why an ident server does not tell. Each class is one of the words of RFC 1413. */
import { SkeinError } from "../../internet/error.ts";

/** The owner of the connection cannot be told; nobody says why. */
export class IdentError extends SkeinError {
  override readonly code: string = "ERR_IDENT";
  /** What stands for it on the wire. */
  readonly identDescription: string = "UNKNOWN-ERROR";

  constructor(
    message = "The ident server cannot tell who owns the connection, and does not say why.",
    cause?: unknown,
  ) {
    super(message, cause === undefined ? {} : { cause });
  }
}
/** There is no such connection, or nobody who can be named owns it. */
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
  constructor(message = "A port is not a whole number from 1 to 65535.") {
    super(message);
  }
}
/** The server knows, but its user does not want to be told. */
export class HiddenUser extends IdentError {
  override readonly code: string = "ERR_IDENT_HIDDEN_USER";
  override readonly identDescription: string = "HIDDEN-USER";
  constructor(message = "The owner of the connection does not want to be named.") {
    super(message);
  }
}

const KINDS: readonly (new () => IdentError)[] = [NoUser, InvalidPort, HiddenUser];

/** The error that a word on the wire stands for. */
export function identErrorOf(description: string): IdentError {
  for (const Kind of KINDS) {
    const error = new Kind();
    if (error.identDescription === description) return error;
  }
  return new IdentError(
    description === "UNKNOWN-ERROR" ? undefined : `The ident server answered ${JSON.stringify(description)}.`,
  );
}
