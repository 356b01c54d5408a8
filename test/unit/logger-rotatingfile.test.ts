import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import promises, { type FileHandle, open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { endOfInterval, type FileLogObserver, fileObserver, rotatingFileLogObserver } from "../../src/logger/file.ts";
import { LogEvent } from "../../src/logger/logger.ts";
import { LogFileError } from "../../src/logger/logpath.ts";

let directory: string;
let said = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-log-"));
  said = "";
  const written = vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    said += String(chunk);
    return true;
  });
  onTestFinished(() => written.mockRestore());
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const event = (text: string): LogEvent => new LogEvent("info", "test", text);
const at = (name: string): string => join(directory, name);
const lines = (name = "app.log"): string[] =>
  readFileSync(at(name), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^\S+ \S+ /, ""));
const modeOf = (name: string): number => statSync(at(name)).mode & 0o777;

/** A disk that is full until it is not, and the retries that its file schedules. */
class Disk {
  full = false;
  /** Bytes that still fit when it is full. */
  room = 0;
  readonly delays: number[] = [];
  #retry: (() => void) | undefined;
  #scheduled = (): void => {};

  readonly around = {
    open: async (path: string, flags: number, mode: number): Promise<FileHandle> => {
      const handle = await open(path, flags, mode);
      const write = handle.write.bind(handle) as (
        bytes: Buffer,
        offset: number,
        length?: number,
      ) => Promise<{ bytesWritten: number }>;
      const limited = async (bytes: Buffer, offset: number): Promise<{ bytesWritten: number }> => {
        if (!this.full) return write(bytes, offset);
        if (this.room === 0)
          throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
        const length = Math.min(this.room, bytes.length - offset);
        this.room -= length;
        return write(bytes, offset, length);
      };
      return Object.assign(handle, { write: limited }) as unknown as FileHandle;
    },
    schedule: (ms: number, retry: () => void): (() => void) => {
      this.delays.push(ms);
      this.#retry = retry;
      this.#scheduled();
      return () => {};
    },
  };

  /** Until the file has failed and wants to be tried again. */
  async failed(): Promise<void> {
    while (this.#retry === undefined) {
      await new Promise<void>((resolve) => {
        this.#scheduled = resolve;
      });
    }
  }

  retry(): void {
    const retry = this.#retry;
    this.#retry = undefined;
    retry?.();
  }
}

describe("a log file on a full disk", () => {
  it("is written on when there is room again, without a torn line, and says what was lost", async () => {
    const disk = new Disk();
    const log = fileObserver(at("app.log"), { maxBufferedBytes: 100 }, disk.around);
    disk.full = true;
    disk.room = 50;
    for (let i = 0; i < 10; i++) log(event(`event ${i}`));
    await disk.failed();
    disk.full = false;
    disk.retry();
    await log.close();
    const kept = 10 - log.dropped;
    expect(kept).toBeGreaterThan(0);
    expect(log.dropped).toBeGreaterThan(0);
    expect(lines()).toEqual([
      ...Array.from({ length: kept }, (_, i) => `event ${i}`),
      `${log.dropped} log events before this one were dropped: ENOSPC: no space left on device, write`,
    ]);
  });

  it("says why events are missing, and reports the error once", async () => {
    const disk = new Disk();
    const log = fileObserver(at("app.log"), { maxBufferedBytes: 100 }, disk.around);
    disk.full = true;
    log(event("first"));
    await disk.failed();
    for (let i = 0; i < 10; i++) log(event(`event ${i}`));
    expect(log.dropped).toBeGreaterThan(0);
    disk.retry();
    await disk.failed();
    disk.full = false;
    disk.retry();
    log(event("refused, as the buffer is full"));
    await log.close();
    expect(lines().at(-1)).toMatch(/^\d+ log events before this one were dropped: ENOSPC/);
    expect(said.match(/cannot be written or rotated; it is tried again: ENOSPC/g)).toHaveLength(1);
  });

  it("is tried after one second, then two, up to sixty", async () => {
    const disk = new Disk();
    const log = fileObserver(at("app.log"), {}, disk.around);
    disk.full = true;
    log(event("kept"));
    for (let i = 0; i < 8; i++) {
      await disk.failed();
      if (i === 7) disk.full = false;
      disk.retry();
    }
    await log.close();
    expect(disk.delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect(lines()).toEqual(["kept"]);
    expect(log.dropped).toBe(0);
  });

  it("drops what is left when it is closed", async () => {
    const disk = new Disk();
    const log = fileObserver(at("app.log"), {}, disk.around);
    disk.full = true;
    log(event("lost"));
    await log.close();
    log(event("too late"));
    expect(log.dropped).toBe(2);
  });
});

it("an event that comes while the file is being rotated is written without another one", async () => {
  let opened = 0;
  let tell = (): void => {};
  const written = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const around = {
    open: async (path: string, flags: number, mode: number): Promise<FileHandle> => {
      const handle = await open(path, flags, mode);
      if (++opened === 1) return handle;
      log(event("in between"));
      const write = handle.write.bind(handle) as (bytes: Buffer, offset: number) => Promise<{ bytesWritten: number }>;
      const told = async (bytes: Buffer, offset: number): Promise<{ bytesWritten: number }> => {
        const result = await write(bytes, offset);
        tell();
        return result;
      };
      return Object.assign(handle, { write: told }) as unknown as FileHandle;
    },
  };
  const log = fileObserver(at("app.log"), { rotateBytes: 40 }, around);
  onTestFinished(() => log.close());
  log(event("x".repeat(40)));
  await written;
  expect(lines()).toEqual(["in between"]);
  expect(opened).toBe(2);
});

describe("an event of which only the beginning was written", () => {
  it("is completed in the same file, although that has grown enough to be rotated", async () => {
    const disk = new Disk();
    const log = fileObserver(at("app.log"), { rotateBytes: 70 }, disk.around);
    disk.full = true;
    disk.room = 80;
    log(event("x".repeat(60)));
    log(event("next"));
    await disk.failed();
    disk.full = false;
    disk.retry();
    await log.close();
    expect(lines("app.log.1")).toEqual(["x".repeat(60)]);
    expect(lines()).toEqual(["next"]);
  });

  /** Windows is left out, since its open files cannot be renamed. */
  it.skipIf(process.platform === "win32")("is written whole to another file that has taken the place", async () => {
    const disk = new Disk();
    const log = fileObserver(at("app.log"), {}, disk.around);
    disk.full = true;
    disk.room = 50;
    log(event("x".repeat(60)));
    await disk.failed();
    renameSync(at("app.log"), at("moved.log"));
    disk.full = false;
    disk.retry();
    await log.close();
    expect(lines()).toEqual(["x".repeat(60)]);
  });
});

/** Windows is left out: its files have neither a mode, but for a flag against writing, nor a umask. */
describe.skipIf(process.platform === "win32")("the permissions of log files", () => {
  const rotated = async (options: { compress?: boolean; mode?: number }): Promise<void> => {
    const log = rotatingFileLogObserver(at("app.log"), { rotateBytes: 100, ...options });
    for (let i = 0; i < 9; i++) log(event(`event ${i}`));
    await log.close();
  };

  it.each([[{}], [{ compress: true }]])("are those of this user alone, also of old files, with %o", async (options) => {
    await rotated(options);
    const names = readdirSync(directory);
    expect(names.length).toBeGreaterThan(2);
    expect(names.map(modeOf)).toEqual(names.map(() => 0o600));
  });

  it.each([[{}], [{ compress: true }]])("are the option `mode`, whatever the umask is, with %o", async (options) => {
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    await rotated({ ...options, mode: 0o640 });
    const names = readdirSync(directory);
    expect(names.map(modeOf)).toEqual(names.map(() => 0o640));
  });

  it("are restored for a file that was there", async () => {
    writeFileSync(at("app.log"), "before\n", { mode: 0o644 });
    chmodSync(at("app.log"), 0o644);
    await rotated({ mode: 0o600 });
    expect(modeOf("app.log")).toBe(0o600);
  });

  it("are set for the old files that were there, but not behind links", async () => {
    const old = ["app.log.1", "app.log.2.gz", "app.log.11"];
    const others = ["app.log.x", "app.log.1.bak", "application.log.1", "target"];
    for (const name of [...old, ...others]) {
      writeFileSync(at(name), "before\n");
      chmodSync(at(name), 0o644);
    }
    symlinkSync(at("target"), at("app.log.3"));
    mkdirSync(at("app.log.4"), { mode: 0o755 });
    const log = rotatingFileLogObserver(at("app.log"));
    log(event("x"));
    await log.close();
    expect(old.map(modeOf)).toEqual(old.map(() => 0o600));
    expect(others.map(modeOf)).toEqual(others.map(() => 0o644));
    expect(modeOf("app.log.4")).toBe(0o755);
    expect(said).toBe("");
  });

  it("let nobody else into a directory that is created", async () => {
    const log = rotatingFileLogObserver(at("deep/er/app.log"));
    log(event("x"));
    await log.close();
    expect([modeOf("deep"), modeOf("deep/er")]).toEqual([0o700, 0o700]);
  });
});

function refused(why: RegExp, path = "app.log"): void {
  const make = (): FileLogObserver => rotatingFileLogObserver(at(path));
  expect(make).toThrow(LogFileError);
  expect(make).toThrow(why);
}

describe("a log file is refused", () => {
  it("that is a directory", () => {
    mkdirSync(at("app.log"));
    refused(/not a regular file\. Choose another path/);
  });

  it("that has another name", () => {
    writeFileSync(at("other"), "");
    linkSync(at("other"), at("app.log"));
    refused(/other names \(hard links\)/);
  });
});

/** Windows is left out: there a symbolic link is a privilege, and a directory has access lists instead of an owner and a mode. */
describe.skipIf(process.platform === "win32")("a log file is refused where links and modes are POSIX's", () => {
  it("that is a symbolic link, also one to nothing", () => {
    writeFileSync(at("target"), "");
    symlinkSync(at("target"), at("app.log"));
    refused(/it is a symbolic link\. Name the file that it leads to/);
    unlinkSync(at("target"));
    refused(/it is a symbolic link/);
    expect(existsSync(at("target"))).toBe(false);
  });

  it("in a directory to which everybody may write", () => {
    chmodSync(directory, 0o777);
    refused(/everybody may write to ".*", which is not sticky\. .*checkDirectory/);
    chmodSync(directory, 0o1777);
    rotatingFileLogObserver(at("app.log"));
    chmodSync(directory, 0o777);
    rotatingFileLogObserver(at("app.log"), { checkDirectory: false });
  });

  it("in a directory that is missing below one to which everybody may write, and creates none", () => {
    mkdirSync(at("open"));
    chmodSync(at("open"), 0o777);
    refused(/everybody may write to "[^"]*open"/, "open/new/app.log");
    expect(readdirSync(at("open"))).toEqual([]);
    rotatingFileLogObserver(at("new/newer/app.log"));
    expect([modeOf("new"), modeOf("new/newer")]).toEqual([0o700, 0o700]);
  });

  it("behind a link to a directory to which everybody may write, or below one", () => {
    mkdirSync(at("open/inner"), { recursive: true });
    chmodSync(at("open"), 0o777);
    symlinkSync(at("open"), at("link"));
    refused(/everybody may write to "[^"]*open"/, "link/app.log");
    refused(/everybody may write to "[^"]*open"/, "link/new/app.log");
    symlinkSync(at("open/inner"), at("inner"));
    refused(/everybody may write to "[^"]*open"/, "inner/app.log");
    expect(readdirSync(at("open"))).toEqual(["inner"]);
    chmodSync(at("open"), 0o700);
    rotatingFileLogObserver(at("link/new/app.log"));
  });

  it("behind a link to a link in a directory to which everybody may write", () => {
    for (const name of ["open", "safe/inner"]) mkdirSync(at(name), { recursive: true });
    chmodSync(at("open"), 0o777);
    symlinkSync(at("safe"), at("open/hop"));
    symlinkSync("open/hop", at("link"));
    refused(/everybody may write to "[^"]*open"/, "link/app.log");
    symlinkSync("safe/inner", at("inner"));
    symlinkSync("inner/../../open/hop", at("back"));
    refused(/everybody may write to "[^"]*open"/, "back/app.log");
    chmodSync(at("open"), 0o700);
    rotatingFileLogObserver(at("link/app.log"));
    rotatingFileLogObserver(at("back/new/app.log"));
    expect(readdirSync(at("safe"))).toEqual(["inner", "new"]);
  });

  it("behind links that lead to each other", () => {
    symlinkSync("two", at("one"));
    symlinkSync("one", at("two"));
    refused(/leads through more than 40 links\. Choose another directory/, "one/app.log");
  });

  it.runIf(process.getuid?.() === 0)("that belongs to another user, as its directory", () => {
    writeFileSync(at("app.log"), "");
    chownSync(at("app.log"), 12345, 12345);
    refused(/the file belongs to user 12345/);
    mkdirSync(at("theirs"));
    chownSync(at("theirs"), 12345, 12345);
    refused(/"[^"]*theirs" belongs to user 12345/, "theirs/app.log");
    symlinkSync(directory, at("theirs/link"));
    refused(/belongs to user 12345/, "theirs/link/x.log");
  });

  it("when it becomes a link later, and written again when it no longer is", async () => {
    const disk = new Disk();
    const log = fileObserver(at("app.log"), {}, disk.around);
    symlinkSync(at("target"), at("app.log"));
    log(event("kept"));
    await disk.failed();
    expect(said).toMatch(/it is a symbolic link/);
    expect(existsSync(at("target"))).toBe(false);
    unlinkSync(at("app.log"));
    disk.retry();
    await log.close();
    expect(lines()).toEqual(["kept"]);
  });

  it("where a link is put between the check and open()", async () => {
    const disk = new Disk();
    const around = {
      ...disk.around,
      open: (path: string, flags: number, mode: number) => {
        if (!existsSync(path)) symlinkSync(at("target"), path);
        return disk.around.open(path, flags, mode);
      },
    };
    const log = fileObserver(at("app.log"), {}, around);
    log(event("x"));
    await disk.failed();
    expect(said).toMatch(/it is a symbolic link/);
    expect(existsSync(at("target"))).toBe(false);
    await log.close();
  });
});

describe("a log file with an interval", () => {
  const local = (year: number, month: number, day: number, hour = 0, minute = 0): number =>
    new Date(year, month, day, hour, minute).getTime();

  it.each([
    ["1d", local(2024, 1, 28, 13, 5), local(2024, 1, 29)],
    ["1M", local(2024, 11, 28, 13, 5), local(2025, 0, 1)],
    ["6h", local(2024, 1, 28, 13, 5), local(2024, 1, 28, 18)],
    ["12h", local(2024, 1, 28, 13, 5), local(2024, 1, 29)],
    ["15m", local(2024, 1, 28, 13, 5), local(2024, 1, 28, 13, 15)],
  ])("of %s is rotated at its end", (interval, time, end) => {
    expect(endOfInterval(interval, time)).toBe(end);
  });

  it("is rotated before the first event of the next one, also after a restart", async () => {
    let now = Date.now();
    const first = fileObserver(at("app.log"), { interval: "1d" }, { now: () => now });
    first(event("today"));
    await first.close();
    now += 86_400_000;
    const second = fileObserver(at("app.log"), { interval: "1d" }, { now: () => now });
    second(event("tomorrow"));
    second(event("as well"));
    await second.close();
    expect([lines("app.log.1"), lines()]).toEqual([["today"], ["tomorrow", "as well"]]);
    utimesSync(at("app.log"), now / 1000, now / 1000);
    expect(readdirSync(directory)).toHaveLength(2);
  });
});

it("a log file that cannot be rotated is written on, and says so", async () => {
  mkdirSync(at("app.log.1"));
  writeFileSync(at("app.log.1/in the way"), "");
  const log = rotatingFileLogObserver(at("app.log"), { rotateBytes: 100, maxFiles: 1 });
  for (let i = 0; i < 9; i++) log(event(`event ${i}`));
  await log.close();
  expect(lines()).toHaveLength(9);
  expect(said).toMatch(/cannot be written or rotated/);
});

it("leaves no file open when it cannot compress an old one", async () => {
  const open = promises.open;
  const opened: FileHandle[] = [];
  promises.open = async (path, ...rest) => {
    const handle = await open(path, ...rest);
    opened.push(handle);
    if (String(path).endsWith(".gz")) handle.chmod = () => Promise.reject(new Error("it has no permissions"));
    return handle;
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    promises.open = open;
    syncBuiltinESMExports();
  });
  const log = rotatingFileLogObserver(at("app.log"), { compress: true, rotateBytes: 1 });
  log(event("one"));
  await log.close();
  expect(said).toMatch(/it has no permissions/);
  expect(lines("app.log.1")).toEqual(["one"]);
  expect(existsSync(at("app.log.1.gz"))).toBe(false);
  expect(opened.map(({ fd }) => fd).filter((fd) => fd >= 0)).toEqual([]);
});
