/**
 * A lock that processes share, as a file: a symbolic link whose target is the process id of the owner. The kernel makes
 * such a link at one go, or says that there is one; that nothing has the target's name does not matter. The format is
 * that of twisted.python.lockfile, so that programs of both kinds can share a lock.
 *
 *     claim name ──ok──► ours
 *        │ EEXIST
 *     owner alive? ──yes──► not ours
 *        │ no: stale
 *     claim name.stale ──EEXIST──► not ours: somebody else is about to remove it
 *        │ ok
 *     still the same owner? remove it; give up name.stale; begin again
 *
 * Without the guard, two who found the same stale lock could both remove it, the second one the first one's new lock.
 */
import { readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { SkeinError } from "../error.ts";

/** A file cannot be used as a lock, or not by this process. */
export class LockFileError extends SkeinError {
  override readonly code: string = "ERR_LOCK_FILE";
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}

/** Make the link that says that this process owns `name`. False when there is one. */
function claim(name: string): boolean {
  try {
    symlinkSync(String(process.pid), name);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Remove the link, unless somebody else was faster. */
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

/** The process that owns `name`, if there is one. @throws LockFileError when the file is something else than a lock */
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
    // It is there, but another user's.
    if (codeOf(error) === "EPERM") return true;
    throw error;
  }
}

/** Remove the lock that the dead process `owner` left. False when somebody else is at it. */
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

/** Whether a living process holds the lock `name`. @throws LockFileError, or what the system says */
export function isLocked(name: string): boolean {
  const owner = ownerOf(name);
  return owner !== undefined && isAlive(owner);
}

/**
 * A lock between the processes of one machine, in whose file system it stands under `name`. What a dead process left
 * is taken over. Where making symbolic links is a privilege (Windows without developer mode), lock() fails with EPERM.
 */
export class FilesystemLock {
  readonly name: string;
  private held = false;
  private foundClean: boolean | undefined = undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Whether this object holds the lock. */
  get locked(): boolean {
    return this.held;
  }

  /** Whether lock() found that the owner before had released it; undefined before that. */
  get clean(): boolean | undefined {
    return this.foundClean;
  }

  /**
   * Try to get the lock, at once. False when somebody has it, this object included.
   * @throws LockFileError when there is something else under that name
   * @throws what the system says, as ENOENT when the directory is missing
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
