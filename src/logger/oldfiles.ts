/** The old files of a log, as `app.log.1` and `app.log.2.gz`, which an earlier process may have left readable for all. */
import { constants } from "node:fs";
import * as files from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const OLD = /^\.[1-9]\d*(?:\.gz)?$/;

/**
 * Give the old files of the log `path` the permissions `mode`. Links, files with other names, and files of other users stay
 * as they are, and so does what cannot be opened. Never rejects. Windows has no such permissions.
 */
export async function setModeOfOldFiles(path: string, mode: number): Promise<void> {
  if (process.geteuid === undefined) return;
  const [directory, name] = [dirname(path), basename(path)];
  const names = await files.readdir(directory).catch((): string[] => []);
  for (const one of names) {
    if (one.startsWith(name) && OLD.test(one.slice(name.length)))
      await setMode(join(directory, one), mode).catch(() => {});
  }
}

/** By the open file, since another may take its place. */
async function setMode(path: string, mode: number): Promise<void> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await files.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = await handle.stat();
    const mine = found.isFile() && found.nlink === 1 && found.uid === process.geteuid?.();
    if (mine && (found.mode & 0o777) !== mode) await handle.chmod(mode);
  } finally {
    await handle.close();
  }
}
