/**
 * The symbolic link that is a lock: its target is the owner's process id, in the format of twisted.python.lockfile.
 * symlink(2) either creates the link atomically or fails with EEXIST; the target need not exist. Nothing here follows a
 * link.
 */

import { lstatSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { SkeinError } from "../error.ts";

/** A file cannot be used as a lock, or not by this process. */
export class LockFileError extends SkeinError {
  override readonly code: string = "ERR_LOCK_FILE";
}

/** A lock as it was found. */
export interface LockLink {
  readonly pid: number;
  /** The user who made it. */
  readonly uid: bigint;
  /** When it was made, in nanoseconds since 1970: tells two links to the same process id apart. */
  readonly madeAt: bigint;
  /** The device and the inode, which no other link has while this one is there. */
  readonly id: string;
}

/** The `code` of a system error. */
export function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}

/** Create the link that makes this process the owner of `name`. False when it exists already. */
export function claim(name: string): boolean {
  try {
    symlinkSync(String(process.pid), name);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Remove the file. It is no error when it is gone already. */
export function giveUp(name: string): void {
  try {
    unlinkSync(name);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** The lock `name`, if it is there. @throws LockFileError when the file is not a lock */
export function readLock(name: string): LockLink | undefined {
  for (;;) {
    const before = lstatSync(name, { bigint: true, throwIfNoEntry: false });
    const target = targetOf(name);
    const after = lstatSync(name, { bigint: true, throwIfNoEntry: false });
    if (before === undefined || target === undefined || after === undefined) return undefined;
    // Another link may have taken its place between two calls.
    if (before.ino !== after.ino || before.mtimeNs !== after.mtimeNs) continue;
    return { pid: pidOf(name, target), uid: after.uid, madeAt: after.mtimeNs, id: `${after.dev}:${after.ino}` };
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

function pidOf(name: string, target: string): number {
  const pid = Number(target);
  // kill(2) takes a signed 32-bit number, and 0 and less for groups of processes.
  if (pid > 0 && pid === (pid | 0)) return pid;
  throw new LockFileError(
    `${name} is there, but no lock: that would be a symbolic link to a process id. Choose another name, or remove it.`,
  );
}
