/**
 * Which files are written as logs. Whoever can put a link, a file or a folder in the way of a log file decides where a
 * process with more rights writes, so that the file and each folder above it have to belong to the process's user or to
 * root. On Windows, which has no such owners, only links and what is no regular file are refused.
 */
import { constants, lstatSync, mkdirSync, readlinkSync, type Stats } from "node:fs";
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
  // Windows has no owners to be checked.
  if (checkDirectory && process.geteuid !== undefined) prepareDirectories(path, directory);
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

/** As many links as Linux follows in a path. */
const LINKS_MAX = 40;

/**
 * From the root down, so that nothing is created in a directory that is refused, and along each link: whoever can replace
 * one of the links decides as well.
 */
function prepareDirectories(path: string, directory: string): void {
  let { root: at } = parse(directory);
  ensureDirectory(path, at);
  const names = directory.slice(at.length).split(sep);
  for (let links = 0; names.length > 0; ) {
    const name = names.shift() as string;
    const next = join(at, name); // `at` has no links, so that ".." is what it seems
    if (lstatSync(next, { throwIfNoEntry: false }) === undefined) makeDirectory(next);
    const found = ensureDirectory(path, next);
    if (!found.isSymbolicLink()) {
      at = next;
      continue;
    }
    if (++links > LINKS_MAX) throw refused(path, `${quoted(next)} leads through more than ${LINKS_MAX} links`, WAY);
    const target = readlinkSync(next);
    const { root } = parse(target);
    if (root !== "") at = root;
    names.unshift(...target.slice(root.length).split(sep));
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

const WAY = "Choose another directory, or set the option checkDirectory to false if you trust all who may write there";

function ensureDirectory(path: string, directory: string): Stats {
  const found = lstatSync(directory);
  const owner = foreignOwner(found);
  if (owner !== undefined) throw refused(path, `${quoted(directory)} belongs to user ${owner}`, WAY);
  // The mode of a link says nothing; what it leads to is checked as well.
  const { mode } = found;
  if (found.isDirectory() && (mode & WRITABLE_BY_ALL) !== 0 && (mode & STICKY) === 0) {
    throw refused(path, `everybody may write to ${quoted(directory)}, which is not sticky`, WAY);
  }
  return found;
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
