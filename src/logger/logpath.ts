/**
 * Which files are written as logs. Whoever can put a link, a file or a folder in the way of a log file decides where a
 * process with more rights writes, so that the file and each folder above it have to belong to the process's user or to
 * root. On Windows, which has no such owners, only links and what is no regular file are refused.
 */
import { constants, lstatSync, mkdirSync, realpathSync, type Stats } from "node:fs";
import { dirname, join, parse, resolve, sep } from "node:path";
import { SkeinError } from "../internet/error.ts";
import { read } from "./describe.ts";
import { quoted } from "./printable.ts";

/** How a log file is opened: no link is followed, and no pipe waited for. Windows has neither flag. */
export const LOG_FILE_FLAGS: number =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  (constants.O_NOFOLLOW ?? 0) |
  (constants.O_NONBLOCK ?? 0);

/** Mode of the directories that are created. */
const DIRECTORY_MODE = 0o700;

const STICKY = 0o1000;
const WRITABLE_BY_ALL = 0o002;

/** A path at which no log is written, since somebody else decides what is there. */
export class LogFileError extends SkeinError {
  override readonly code: string = "ERR_LOG_FILE";
}

/**
 * Create the directories above `path` that are missing, and check what is there.
 * @throws LogFileError for what is refused; an error of the file system, as EACCES
 */
export function prepareLogFile(path: string, checkDirectory: boolean): void {
  const directory = dirname(resolve(path));
  if (checkDirectory) prepareDirectories(path, directory);
  else mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined) ensureLogFile(path, found);
}

/** @throws LogFileError when `found`, which is at `path`, is not a file that only this user decides about */
export function ensureLogFile(path: string, found: Stats): void {
  if (found.isSymbolicLink()) {
    throw refused(path, "it is a symbolic link", "Name the file that it leads to, or remove it");
  }
  if (!found.isFile()) throw refused(path, "there is something that is not a regular file", "Choose another path");
  const owner = foreignOwner(found);
  if (owner !== undefined) {
    throw refused(path, `the file belongs to user ${owner}`, "Remove the file, or give it to this process's user");
  }
  if (found.nlink > 1) throw refused(path, "the file has other names (hard links)", "Remove the file, or copy it");
}

/** Each directory from the root down to `directory`, links among them as links. */
function directoriesAbove(directory: string): string[] {
  const { root } = parse(directory);
  const all = [root];
  for (const name of directory.slice(root.length).split(sep))
    if (name !== "") all.push(join(all.at(-1) as string, name));
  return all;
}

/** From the root down, so that nothing is created in a directory that is refused. */
function prepareDirectories(path: string, directory: string): void {
  for (const one of directoriesAbove(directory)) {
    if (lstatSync(one, { throwIfNoEntry: false }) === undefined) makeDirectory(one);
    ensureDirectory(path, one);
    if (!lstatSync(one).isSymbolicLink()) continue;
    for (const real of directoriesAbove(realpathSync(one))) ensureDirectory(path, real);
  }
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: DIRECTORY_MODE });
  } catch (error) {
    // Another process was faster: what it made is checked like everything else.
    if (read(error, "code") !== "EEXIST") throw error;
  }
}

function ensureDirectory(path: string, directory: string): void {
  const found = lstatSync(directory);
  const way =
    "Choose another directory, or set the option checkDirectory to false if you trust all who may write there";
  const owner = foreignOwner(found);
  if (owner !== undefined) throw refused(path, `${quoted(directory)} belongs to user ${owner}`, way);
  // The mode of a link says nothing; what it leads to is checked as well.
  const { mode } = found;
  if (found.isDirectory() && process.geteuid !== undefined && (mode & WRITABLE_BY_ALL) !== 0 && (mode & STICKY) === 0) {
    throw refused(path, `everybody may write to ${quoted(directory)}, which is not sticky`, way);
  }
}

/** The owner, unless that is this process's user or root. */
function foreignOwner({ uid }: Stats): number | undefined {
  const mine = process.geteuid?.();
  return mine === undefined || uid === mine || uid === 0 ? undefined : uid;
}

function refused(path: string, why: string, way: string): LogFileError {
  return new LogFileError(`No log is written to ${quoted(path)}: ${why}. ${way}.`);
}

/** What open() fails with at a symbolic link is told as what it is. */
export function orRefused(path: string, error: unknown): unknown {
  const code = read(error, "code");
  return code === "ELOOP" || code === "EMLINK" ? refused(path, "it is a symbolic link", "Remove it") : error;
}
