/** Deferreds: the class, its errors, the functions that make one, and what coordinates many. */
export type { WaitOptions } from "./defer/abort.ts";
export { Deferred, type Outcome } from "./defer/deferred.ts";
export { AlreadyTryingToLockError, DeferredFilesystemLock } from "./defer/deferredfilesystemlock.ts";
export {
  DeferredList,
  type DeferredListItem,
  type DeferredListOptions,
  type DeferredListResult,
  FirstError,
  gatherResults,
} from "./defer/deferredlist.ts";
export { AlreadyCalledError, CancelledError, CircularChainError, NoCurrentExceptionError } from "./defer/error.ts";
export { FilesystemLock, isLocked, LockFileError } from "./defer/filesystemlock.ts";
export { inlineCallbacks } from "./defer/inlinecallbacks.ts";
export { DeferredLock } from "./defer/lock.ts";
export { ensureDeferred, execute, fail, maybeDeferred, succeed } from "./defer/makers.ts";
export type { Members, Results } from "./defer/members.ts";
export { NotAcquiredError } from "./defer/permits.ts";
export { DeferredQueue, QueueClosed, QueueOverflow, QueueUnderflow } from "./defer/queue.ts";
export { FailureGroup, type RaceResult, race } from "./defer/race.ts";
export { DeferredSemaphore } from "./defer/semaphore.ts";
export { timeout } from "./defer/timeout.ts";
export { getDebugging, type PendingFailure, pendingFailures, setDebugging } from "./defer/unhandled.ts";
