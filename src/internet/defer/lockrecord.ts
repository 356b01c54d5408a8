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
 * Between the link and its record, for some microseconds, and without the addon, the process id decides.
 */

import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { constants as os } from "node:os";
import { loadNative } from "../../native.ts";
import { codeOf, giveUp, type LockLink, readLock } from "./locklink.ts";

/** Most bytes that a record has: two numbers. */
const RECORD_BYTES = 64;

/** When this process was started, in milliseconds since 1970, by the clock as it was then. */
const startedAt = Date.now() - process.uptime() * 1000;

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
  if (process.platform === "win32") return undefined;
  let fd: number | undefined;
  try {
    const link = readLock(name);
    if (link === undefined) return undefined;
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

/** Remove the record of the lock that this process holds, before its link is removed. */
export function removeRecord(name: string): void {
  giveUp(recordOf(name));
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
export function isAlive({ pid, madeAt }: LockLink): boolean {
  // A link that is older than this process was made by another one that had its id.
  if (pid === process.pid && Number(madeAt / 1_000_000n) < startedAt) return false;
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
