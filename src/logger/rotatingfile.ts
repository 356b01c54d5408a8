/**
 * A file that is written in the background and changed for a new one as it grows or ages. No library does this: those that
 * were read follow links, stop for good at the first error, or create files that everybody may read.
 *
 * Texts wait in a queue of bounded bytes while one is written, or while the disk is full: after an error the file is tried
 * again, with the byte that was to be written next, after RETRY_FIRST, then twice as long, up to RETRY_MAX. Texts beyond
 * the bound are counted; the owner is asked for a text that tells their number when there is room again. A text is in one
 * file as a whole: no file is rotated before it is complete, and it begins anew in a file that somebody else has put there.
 */
import * as files from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { read } from "./describe.ts";
import { ensureLogFile, LOG_FILE_FLAGS, orRefused, prepareLogFile } from "./logpath.ts";
import { setModeOfOldFiles } from "./oldfiles.ts";
import { RETRY_FIRST, RETRY_MAX } from "./sink.ts";

/** What is written with one system call, at most, unless a single text is longer. */
const BATCH_BYTES = 64 * 1024;

export interface RotatingFileSettings {
  readonly rotateBytes: number;
  /** The time of the next rotation after `time`, both in milliseconds; undefined when age does not matter. */
  readonly nextRotation?: ((time: number) => number) | undefined;
  readonly maxFiles: number;
  readonly compress: boolean;
  readonly maxBufferedBytes: number;
  readonly mode: number;
  readonly checkDirectory: boolean;
  /** The text that says that `lost` texts are missing. */
  readonly lossReport: (lost: number, why: string) => string;
  /** Called when writing fails, once until it works again. */
  readonly onFailure: (error: unknown) => void;
}

/** What is replaced in tests. */
export interface Surroundings {
  readonly open: (path: string, flags: number, mode: number) => Promise<files.FileHandle>;
  /** Calls `retry` after `ms`, which keeps no process alive. Returns what cancels it. */
  readonly schedule: (ms: number, retry: () => void) => () => void;
  readonly now: () => number;
}

const SURROUNDINGS: Surroundings = {
  open: files.open,
  schedule: (ms, retry) => {
    const timer = setTimeout(retry, ms).unref();
    return () => clearTimeout(timer);
  },
  now: Date.now,
};

/**
 * Closes the files of those that a program has dropped without close(): from Node 25 on, a FileHandle that is collected
 * while it is open ends the process. The registry keeps the handle until then.
 */
const forgotten = new FinalizationRegistry<files.FileHandle>((handle) => {
  handle.close().catch(() => {});
});

export class RotatingFile {
  readonly #path: string;
  readonly #settings: RotatingFileSettings;
  readonly #around: Surroundings;
  #queue: Buffer[] = [];
  #queued = 0;
  /** Bytes of the first text in the queue that are in the file already. */
  #written = 0;
  #handle: files.FileHandle | undefined;
  /** Of the file that was opened last. */
  #inode = -1;
  #size = 0;
  /** Whether the mode of the old files was set. */
  #oldFilesSet = false;
  #rotateAt: number;
  #ageAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #delay = 0;
  #cancelRetry: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  #lost = 0;
  #why = "";
  /** All texts lost so far. */
  dropped = 0;

  constructor(path: string, settings: RotatingFileSettings, around: Partial<Surroundings> = {}) {
    this.#path = path;
    this.#settings = settings;
    this.#around = { ...SURROUNDINGS, ...around };
    this.#rotateAt = settings.rotateBytes;
  }

  /** Whether a text would be dropped, which counts it. */
  refuses(): boolean {
    if (this.#closed === undefined && this.#queued <= this.#settings.maxBufferedBytes) return false;
    this.dropped++;
    this.#lost++;
    if (this.#delay === 0) this.#why = "the disk is too slow";
    return true;
  }

  /** Write `text`, unless the file {@link refuses} it. */
  write(text: string): void {
    this.#sayLost();
    this.#push(text);
    if (this.#delay === 0) this.#run();
  }

  /** Write what is queued, once more if writing failed last, and close the file. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  #push(text: string): void {
    const bytes = Buffer.from(text);
    this.#queue.push(bytes);
    this.#queued += bytes.length;
  }

  #sayLost(): void {
    if (this.#lost === 0) return;
    const report = this.#settings.lossReport(this.#lost, this.#why);
    this.#lost = 0;
    this.#push(report);
  }

  async #end(): Promise<void> {
    await this.#running;
    this.#cancelRetry?.();
    this.#run();
    await this.#running;
    this.dropped += this.#queue.length;
    this.#queue = [];
    await this.#release().catch(() => {});
  }

  #run(): void {
    this.#running ??= this.#writeAll().finally(() => {
      this.#running = undefined;
      // Texts may have come after the queue was empty, while the file was being rotated.
      if (this.#delay === 0 && this.#queue.length > 0) this.#run();
      else if (this.#delay > 0 && this.#closed === undefined)
        this.#cancelRetry = this.#around.schedule(this.#delay, () => this.#run());
    });
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        await this.#open();
        if (this.#isDue()) await this.#rotate();
        await this.#writeBatch();
        this.#delay = 0;
        if (this.#queue.length === 0) this.#sayLost();
      }
      if (this.#size >= this.#rotateAt) await this.#rotate();
    } catch (error) {
      await this.#failed(error);
    }
  }

  /** Not while a text is incomplete, which would be divided. */
  #isDue(): boolean {
    if (this.#size === 0 || this.#written > 0) return false;
    return this.#size >= this.#rotateAt || this.#around.now() >= this.#ageAt;
  }

  async #writeBatch(): Promise<void> {
    const room = Math.min(BATCH_BYTES, Math.max(1, this.#rotateAt - this.#size));
    let count = 0;
    let bytes = -this.#written;
    while (count < this.#queue.length && bytes < room) bytes += (this.#queue[count++] as Buffer).length;
    const batch = count === 1 ? (this.#queue[0] as Buffer) : Buffer.concat(this.#queue.slice(0, count));
    const { bytesWritten } = await (this.#handle as files.FileHandle).write(batch, this.#written);
    this.#size += bytesWritten;
    this.#written += bytesWritten;
    let done = 0;
    while (done < count && this.#written >= (this.#queue[done] as Buffer).length) {
      const { length } = this.#queue[done++] as Buffer;
      this.#written -= length;
      this.#queued -= length;
    }
    this.#queue.splice(0, done);
  }

  async #failed(error: unknown): Promise<void> {
    await this.#release().catch(() => {});
    this.#why = String(read(error, "message"));
    if (this.#delay === 0) this.#settings.onFailure(error);
    this.#delay = Math.min(Math.max(RETRY_FIRST, 2 * this.#delay), RETRY_MAX);
  }

  async #open(): Promise<void> {
    if (this.#handle !== undefined) return;
    const { mode, checkDirectory, nextRotation } = this.#settings;
    prepareLogFile(this.#path, checkDirectory);
    const handle = await this.#around.open(this.#path, LOG_FILE_FLAGS, mode).catch((error: unknown) => {
      throw orRefused(this.#path, error);
    });
    this.#handle = handle; // closed by #failed() from here on
    forgotten.register(this, handle, this);
    const found = await handle.stat();
    ensureLogFile(this.#path, found);
    if ((found.mode & 0o777) !== mode && found.uid === process.geteuid?.()) await handle.chmod(mode);
    if (found.ino !== this.#inode || found.size !== this.#size) this.#written = 0; // what was written is elsewhere
    this.#inode = found.ino;
    this.#size = found.size;
    this.#rotateAt = this.#settings.rotateBytes;
    this.#ageAt = nextRotation?.(found.size > 0 ? found.mtimeMs : this.#around.now()) ?? Number.POSITIVE_INFINITY;
    if (this.#oldFilesSet) return;
    this.#oldFilesSet = true;
    await setModeOfOldFiles(this.#path, mode);
  }

  async #release(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    forgotten.unregister(this);
    await handle?.close();
  }

  /** Rename `path` to `path.1`, and so on. When that fails, the file is written on, and tried again as it grows. */
  async #rotate(): Promise<void> {
    try {
      const { maxFiles } = this.#settings;
      await this.#release(); // Windows renames no file that is open
      for (let n = maxFiles; n > 0; n--) {
        for (const ending of n === 1 ? [""] : ["", ".gz"]) {
          const from = n === 1 ? this.#path : `${this.#path}.${n - 1}${ending}`;
          if (!(await exists(from))) continue;
          await this.#remove(n);
          await files.rename(from, `${this.#path}.${n}${ending}`);
        }
      }
      if (this.#settings.compress) await this.#compress(`${this.#path}.1`);
      await this.#open();
    } catch (error) {
      this.#settings.onFailure(error);
      await this.#open();
      this.#rotateAt = this.#size + this.#settings.rotateBytes;
      this.#ageAt = this.#settings.nextRotation?.(this.#around.now()) ?? Number.POSITIVE_INFINITY;
    }
  }

  async #remove(n: number): Promise<void> {
    for (const ending of ["", ".gz"]) await files.rm(`${this.#path}.${n}${ending}`, { force: true });
  }

  /** A file that cannot be compressed, as on a full disk, stays as it is. */
  async #compress(path: string): Promise<void> {
    const to = `${path}.gz`;
    try {
      await files.rm(to, { force: true });
      await compress(path, to, this.#settings.mode);
      await files.rm(path, { force: true });
    } catch (error) {
      this.#settings.onFailure(error);
      await files.rm(to, { force: true }).catch(() => {});
    }
  }
}

/** Write `from` to the new file `to`. Both are closed in any case. */
async function compress(from: string, to: string, mode: number): Promise<void> {
  const opened: files.FileHandle[] = [];
  try {
    const source = await files.open(from, "r");
    opened.push(source);
    const target = await files.open(to, "wx", mode);
    opened.push(target);
    await target.chmod(mode);
    await pipeline(source.createReadStream(), createGzip(), target.createWriteStream());
  } finally {
    for (const handle of opened) await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return files.lstat(path).then(
    () => true,
    () => false,
  );
}
