/**
 * A lock shared by processes, as a symbolic link whose target is the owner's process id (locklink.ts). The format is that
 * of twisted.python.lockfile, so Skein and Twisted programs can share a lock. lockrecord.ts tells whether the owner lives.
 *
 *     claim name ──ok──► ours
 *        │ EEXIST
 *     owner alive? ──yes──► not ours
 *        │ no: stale
 *     claim name.stale ──EEXIST──► not ours: somebody else is about to remove it
 *        │ ok
 *     still the same link? remove it; give up name.stale; begin again
 *
 * The guard has a record as the lock has (lockrecord.ts), so that one which was left behind is removed whoever has the process
 * id by now; one without a record, whose owner ended at once or has no addon, is believed for a minute.
 *
 * Without the guard, two processes that find the same stale lock could both remove it, and the second would remove the
 * first one's new lock.
 */

import { closeSync } from "node:fs";
import { check } from "../arguments/check.ts";
import { text } from "../arguments/kinds.ts";
import { claim, codeOf, giveUp, LockFileError, type LockLink, readLock } from "./locklink.ts";
import { giveUpHeld, giveUpLeft, holdRecord, ownerLives, passingOwnerLives } from "./lockrecord.ts";

/** Remove the lock that a dead process left. False when another process is removing it. */
function removeStale(name: string, link: LockLink): boolean {
  const guard = `${name}.stale`;
  if (!claim(guard)) {
    const remover = readLock(guard);
    if (remover === undefined || passingOwnerLives(guard, remover)) return false;
    // It died between two system calls.
    if (isSame(readLock(guard), remover)) giveUpLeft(guard);
    return true;
  }
  const record = holdRecord(guard);
  try {
    if (isSame(readLock(name), link)) giveUp(name);
    return true;
  } finally {
    giveUpHeld(guard, record);
    if (record !== undefined) closeSync(record);
  }
}

function isSame(now: LockLink | undefined, before: LockLink): boolean {
  return now?.pid === before.pid && now.madeAt === before.madeAt && now.id === before.id;
}

/** The same, where only the owner may remove it. @throws LockFileError */
function removeStaleOrTell(name: string, link: LockLink): boolean {
  try {
    return removeStale(name, link);
  } catch (error) {
    if (codeOf(error) !== "EPERM" && codeOf(error) !== "EACCES") throw error;
    throw new LockFileError(
      `${name} was left by process ${link.pid} of user ${link.uid}, which has ended, and this user may not remove it: ` +
        "remove it as that user, or put the lock into a directory that the users who share it may write to and that " +
        "has no sticky bit.",
      { cause: error },
    );
  }
}

/** Whether a live process holds the lock `name`. @throws LockFileError, or a system error */
export function isLocked(name: string): boolean {
  check("isLocked(name)", "name", name, text);
  const link = readLock(name);
  return link !== undefined && ownerLives(name, link);
}

/**
 * A lock between the processes of one machine, as the symbolic link `name`. A lock left by a dead process is taken
 * over, also when its process id has been given to another process, or it ran in another container; where the addon does
 * not load, the process id alone decides. Where creating symbolic links is a privilege (Windows without developer mode),
 * lock() fails with EPERM.
 */
export class FilesystemLock {
  readonly name: string;
  private held = false;
  /** The open file that shows others that the owner lives. */
  private record: number | undefined = undefined;
  private foundClean: boolean | undefined = undefined;

  constructor(name: string) {
    check("new FilesystemLock(name)", "name", name, text);
    this.name = name;
  }

  /** Whether this object holds the lock. */
  get locked(): boolean {
    return this.held;
  }

  /** Whether lock() found the lock released rather than left by a dead process; undefined before lock(). */
  get clean(): boolean | undefined {
    return this.foundClean;
  }

  /**
   * Try to acquire the lock, without waiting. False when it is held, by this object too.
   * @throws LockFileError when `name` exists and is not a lock, or was left by another user and may not be removed
   * @throws system errors, such as ENOENT when the directory does not exist
   */
  lock(): boolean {
    let clean = true;
    while (!claim(this.name)) {
      const link = readLock(this.name);
      if (link === undefined) continue;
      if (ownerLives(this.name, link) || !removeStaleOrTell(this.name, link)) return false;
      clean = false;
    }
    this.record = holdRecord(this.name);
    this.held = true;
    this.foundClean = clean;
    return true;
  }

  /** Release the lock. @throws LockFileError when this object does not hold it, or the file is not this process's */
  unlock(): void {
    const { held, record } = this;
    this.held = false;
    this.record = undefined;
    try {
      if (!held || readLock(this.name)?.pid !== process.pid) {
        throw new LockFileError(
          `The lock ${this.name} is not held here: unlock() once for each lock() that returned true.`,
        );
      }
      giveUpHeld(this.name, record);
    } finally {
      if (record !== undefined) closeSync(record);
    }
  }

  /** The same as {@link unlock}, for `using`. */
  [Symbol.dispose](): void {
    this.unlock();
  }
}
