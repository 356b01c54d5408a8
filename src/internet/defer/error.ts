/** The errors of Deferreds. */
import { SkeinError } from "../error.ts";

export const ALREADY_CALLED =
  "This Deferred was fired already, and fires only once. With setDebugging(true) it tells where it was first fired.";

/** A Deferred was fired a second time. */
export class AlreadyCalledError extends SkeinError {
  override readonly code: string = "ERR_DEFERRED_ALREADY_CALLED";
  constructor(message = ALREADY_CALLED) {
    super(message);
  }
}
/** The Deferred was cancelled. `cause` is the reason, where one was given. */
export class CancelledError extends SkeinError {
  override readonly code: string = "ERR_CANCELLED";
  constructor(message = "The Deferred was cancelled before it had a result.", options?: ErrorOptions) {
    super(message, options);
  }
}
/** errback() or fail() was called without a reason. */
export class NoCurrentExceptionError extends SkeinError {
  override readonly code: string = "ERR_NO_CURRENT_EXCEPTION";
  constructor(
    message = "There is no error to fail with: JavaScript keeps no current exception, so pass what was caught.",
  ) {
    super(message);
  }
}
/** A callback returned the Deferred that it was called by, which would wait for itself forever. */
export class CircularChainError extends SkeinError {
  override readonly code: string = "ERR_CIRCULAR_CHAIN";
  constructor(message = "A callback returned its own Deferred, which can never fire: return the result, or nothing.") {
    super(message);
  }
}
