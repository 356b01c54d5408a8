/**
 * Tells whether the owner of a lock lives, also when its process id says nothing: after a restart another process may have
 * the id (in a container it is 1 each time), and a process of another container cannot be seen at all.
 *
 * The owner keeps a file beside the link, `name.owner`, open and locked by flock(2) (the addon has it): the kernel releases
 * that when the process ends, on every path, and whoever can open the file can ask. The file says which link it belongs to,
 * so one that was left behind says nothing of a link that Twisted made later. It is readable for its owner only: another
 * user could lock it.
 *
 *     record of this link? ──no──► the process id decides, as in Twisted
 *        │ yes
 *     flock() refused ──► the owner lives      granted ──► the owner is dead
 *
 * Between the link and its record, for some microseconds, and without the addon, the process id decides. A link with the id of
 * this process is ours if we made it, or if it is not older than this process: another thread of it may have made it.
 */

import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { constants as os } from "node:os";
import { loadNative } from "../../native.ts";
import { codeOf, giveUp, type LockLink, readLock } from "./locklink.ts";

/** Most bytes that a record has: two numbers. */
const RECORD_BYTES = 64;

/** When this process was started, in milliseconds since 1970, by the clock as it was then. */
const startedAt = Date.now() - process.uptime() * 1000;

/** Milliseconds after which a link that is held for microseconds was left behind, if it has no record. */
const PASSING_MAX = 60_000;

/** The links that this thread has made and not removed. */
const made = new Set<string>();

const recordOf = (name: string): string => `${name}.owner`;
const textOf = ({ pid, madeAt }: LockLink): string => `${pid} ${madeAt}\n`;

/** As flock(2); undefined where there is none. */
function lockFile(fd: number, exclusive: boolean): number | undefined {
  try {
    return loadNative().lockFile(fd, exclusive);
  } catch {
    return undefined;
  }
}

/**
 * Record that this process, which has just claimed `name`, holds it. Returns the descriptor that must stay open as long;
 * undefined where it cannot be done, which takes nothing from the lock itself.
 */
export function holdRecord(name: string): number | undefined {
  let fd: number | undefined;
  try {
    const link = readLock(name);
    if (link === undefined) return undefined;
    made.add(link.id);
    if (process.platform === "win32") return undefined;
    const record = recordOf(name);
    giveUp(record);
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    fd = openSync(record, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    // The record is valid once it has its text: by then it is locked.
    if (lockFile(fd, true) === 0) {
      writeSync(fd, textOf(link));
      return fd;
    }
    giveUp(record);
  } catch {
    // A full disk, or a file of another user in a directory with the sticky bit.
  }
  if (fd !== undefined) closeSync(fd);
  return undefined;
}

/** Remove the link that this process holds, after its record, whose descriptor is to be closed then. */
export function giveUpHeld(name: string, record: number | undefined): void {
  const link = readLock(name);
  if (link !== undefined) made.delete(link.id);
  if (record !== undefined) giveUp(recordOf(name));
  giveUp(name);
}

/** Remove a link whose owner has ended, and the record that it left. */
export function giveUpLeft(name: string): void {
  giveUp(name);
  try {
    giveUp(recordOf(name));
  } catch {
    // A file of another user: it belongs to no link any more.
  }
}

/** Whether the process that made `link`, which holds it for microseconds only, lives: as {@link ownerLives}, or by its age. */
export function passingOwnerLives(name: string, link: LockLink): boolean {
  return recordSays(name, link) ?? (Date.now() - Number(link.madeAt / 1_000_000n) < PASSING_MAX && isAlive(link));
}

/** Whether the process that made `link` lives. */
export function ownerLives(name: string, link: LockLink): boolean {
  return recordSays(name, link) ?? isAlive(link);
}

/** What the record of `link` says; undefined when there is none. */
function recordSays(name: string, link: LockLink): boolean | undefined {
  if (process.platform === "win32") return undefined;
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a FIFO that somebody put there would wait.
    fd = openSync(recordOf(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile() || stat.uid !== link.uid) return undefined;
    const bytes = Buffer.alloc(RECORD_BYTES);
    const length = readSync(fd, bytes, 0, RECORD_BYTES, 0);
    if (bytes.toString("latin1", 0, length) !== textOf(link)) return undefined;
    const result = lockFile(fd, false);
    if (result === 0) return false;
    return result === -os.errno.EWOULDBLOCK ? true : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** By its process id alone. */
function isAlive({ pid, madeAt, id }: LockLink): boolean {
  // A link that is older than this process was made by another one that had its id, unless the clock was set since.
  if (pid === process.pid) return made.has(id) || Number(madeAt / 1_000_000n) >= startedAt;
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
