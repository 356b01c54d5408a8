/**
 * A lock shared by processes, as a symbolic link whose target is the owner's process id. symlink(2) either creates the
 * link atomically or fails with EEXIST; the target need not exist. The format is that of twisted.python.lockfile, so
 * Skein and Twisted programs can share a lock.
 *
 *     claim name ──ok──► ours
 *        │ EEXIST
 *     owner alive? ──yes──► not ours
 *        │ no: stale
 *     claim name.stale ──EEXIST──► not ours: somebody else is about to remove it
 *        │ ok
 *     still the same owner? remove it; give up name.stale; begin again
 *
 * Without the guard, two processes that find the same stale lock could both remove it, and the second would remove the
 * first one's new lock.
 */

import { readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { check } from "../arguments/check.ts";
import { text } from "../arguments/kinds.ts";
import { SkeinError } from "../error.ts";

/** A file cannot be used as a lock, or not by this process. */
export class LockFileError extends SkeinError {
  override readonly code: string = "ERR_LOCK_FILE";
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}

/** Create the link that makes this process the owner of `name`. False when it exists already. */
function claim(name: string): boolean {
  try {
    symlinkSync(String(process.pid), name);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Remove the link. It is no error when it is gone already. */
function giveUp(name: string): void {
  try {
    unlinkSync(name);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

function targetOf(name: string): string | undefined {
  try {
    return readlinkSync(name);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    if (codeOf(error) === "EINVAL") return "";
    throw error;
  }
}

/** The process id of the owner of `name`, if any. @throws LockFileError when the file is not a lock */
function ownerOf(name: string): number | undefined {
  const target = targetOf(name);
  if (target === undefined) return undefined;
  const pid = Number(target);
  // kill(2) takes a signed 32-bit number, and 0 and less for groups of processes.
  if (pid > 0 && pid === (pid | 0)) return pid;
  throw new LockFileError(
    `${name} is there, but no lock: that would be a symbolic link to a process id. Choose another name, or remove it.`,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
    // EPERM: the process exists, but belongs to another user.
    if (codeOf(error) === "EPERM") return true;
    throw error;
  }
}

/** Remove the lock that the dead process `owner` left. False when another process is removing it. */
function removeStale(name: string, owner: number): boolean {
  const guard = `${name}.stale`;
  if (!claim(guard)) {
    const remover = ownerOf(guard);
    if (remover === undefined || isAlive(remover)) return false;
    // It died between two system calls.
    giveUp(guard);
    return true;
  }
  try {
    if (ownerOf(name) === owner) giveUp(name);
    return true;
  } finally {
    giveUp(guard);
  }
}

/** Whether a live process holds the lock `name`. @throws LockFileError, or a system error */
export function isLocked(name: string): boolean {
  check("isLocked(name)", "name", name, text);
  const owner = ownerOf(name);
  return owner !== undefined && isAlive(owner);
}

/**
 * A lock between the processes of one machine, as the symbolic link `name`. A lock left by a dead process is taken
 * over. Where creating symbolic links is a privilege (Windows without developer mode), lock() fails with EPERM.
 */
export class FilesystemLock {
  readonly name: string;
  private held = false;
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
   * @throws LockFileError when `name` exists and is not a lock
   * @throws system errors, such as ENOENT when the directory does not exist
   */
  lock(): boolean {
    let clean = true;
    while (!claim(this.name)) {
      const owner = ownerOf(this.name);
      if (owner === undefined) continue;
      if (isAlive(owner) || !removeStale(this.name, owner)) return false;
      clean = false;
    }
    this.held = true;
    this.foundClean = clean;
    return true;
  }

  /** Release the lock. @throws LockFileError when this object does not hold it, or the file is not this process's */
  unlock(): void {
    const owner = this.held ? ownerOf(this.name) : undefined;
    this.held = false;
    if (owner !== process.pid) {
      throw new LockFileError(
        `The lock ${this.name} is not held here: unlock() once for each lock() that returned true.`,
      );
    }
    unlinkSync(this.name);
  }

  /** The same as {@link unlock}, for `using`. */
  [Symbol.dispose](): void {
    this.unlock();
  }
}
