/** Deferreds: the class, its errors, the functions that make one, and what coordinates many. */
export type { WaitOptions } from "../internet/defer/abort.ts";
export { Deferred, type Outcome } from "../internet/defer/deferred.ts";
export { AlreadyTryingToLockError, DeferredFilesystemLock } from "../internet/defer/deferredfilesystemlock.ts";
export {
  DeferredList,
  type DeferredListItem,
  type DeferredListOptions,
  type DeferredListResult,
  FirstError,
  gatherResults,
} from "../internet/defer/deferredlist.ts";
export {
  AlreadyCalledError,
  CancelledError,
  CircularChainError,
  NoCurrentExceptionError,
} from "../internet/defer/error.ts";
export { FilesystemLock, isLocked } from "../internet/defer/filesystemlock.ts";
export { inlineCallbacks } from "../internet/defer/inlinecallbacks.ts";
export { DeferredLock } from "../internet/defer/lock.ts";
export { LockFileError } from "../internet/defer/locklink.ts";
export { ensureDeferred, execute, fail, maybeDeferred, succeed } from "../internet/defer/makers.ts";
export type { Members, Results } from "../internet/defer/members.ts";
export { NotAcquiredError } from "../internet/defer/permits.ts";
export { DeferredQueue, QueueClosed, QueueOverflow, QueueUnderflow } from "../internet/defer/queue.ts";
export { FailureGroup, type RaceResult, race } from "../internet/defer/race.ts";
export { DeferredSemaphore } from "../internet/defer/semaphore.ts";
export { timeout } from "../internet/defer/timeout.ts";
export { getDebugging, type PendingFailure, pendingFailures, setDebugging } from "../internet/defer/unhandled.ts";
