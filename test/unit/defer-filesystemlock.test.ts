import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  AlreadyTryingToLockError,
  CancelledError,
  DeferredFilesystemLock,
  FilesystemLock,
  isLocked,
  LockFileError,
} from "../../src/entries/defer.ts";
import { NoClockError, SkeinError, TimeoutError } from "../../src/internet/error.ts";
import { Clock } from "../../src/testing/clock.ts";
import { errorOf, watch } from "../helpers/outcome.ts";

let directory: string;
let name: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-lock-"));
  name = join(directory, "lock");
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

const isLink = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** The id of a process that has ended. */
function deadProcess(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}

/** Have process.kill fail as kill(2) does. */
function killFailsWith(code: string): void {
  vi.spyOn(process, "kill").mockImplementation(() => {
    throw Object.assign(new Error(`kill ${code}`), { code });
  });
}

describe("FilesystemLock", () => {
  it("is a symbolic link whose target is the id of the process that holds it", () => {
    const lock = new FilesystemLock(name);
    expect([lock.name, lock.locked, lock.clean]).toEqual([name, false, undefined]);
    expect(lock.lock()).toBe(true);
    expect(readlinkSync(name)).toBe(String(process.pid));
    expect([lock.locked, lock.clean]).toEqual([true, true]);
  });

  it("is removed by unlock(), and can be acquired again", () => {
    const lock = new FilesystemLock(name);
    lock.lock();
    lock.unlock();
    expect(isLink(name)).toBe(false);
    expect(lock.locked).toBe(false);
    expect(lock.lock()).toBe(true);
  });

  it("cannot be acquired twice, not even by the same process", () => {
    const lock = new FilesystemLock(name);
    const other = new FilesystemLock(name);
    lock.lock();
    expect([lock.lock(), other.lock()]).toEqual([false, false]);
    expect([lock.locked, other.locked]).toEqual([true, false]);
    lock.unlock();
    expect(other.lock()).toBe(true);
  });

  it("is not taken from another live process", () => {
    symlinkSync(String(process.ppid), name);
    expect(new FilesystemLock(name).lock()).toBe(false);
    expect(readlinkSync(name)).toBe(String(process.ppid));
  });

  it("is not taken from a process of another user, which may not be signalled", () => {
    symlinkSync("4321", name);
    killFailsWith("EPERM");
    expect(new FilesystemLock(name).lock()).toBe(false);
    expect(isLocked(name)).toBe(true);
  });

  it("is taken from a dead process, and is then not `clean`", () => {
    symlinkSync(String(deadProcess()), name);
    const lock = new FilesystemLock(name);
    expect(lock.lock()).toBe(true);
    expect(lock.clean).toBe(false);
    expect(readlinkSync(name)).toBe(String(process.pid));
    expect(isLink(`${name}.stale`)).toBe(false);
  });

  it("is tried again when it is removed while its owner is checked", () => {
    symlinkSync(String(process.ppid), name);
    vi.spyOn(process, "kill").mockImplementationOnce(() => {
      // By the time it is known that the owner has died, somebody has cleaned up.
      unlinkSync(name);
      throw Object.assign(new Error("kill ESRCH"), { code: "ESRCH" });
    });
    expect(new FilesystemLock(name).lock()).toBe(true);
  });

  it("is left to the process that took over a stale lock first", () => {
    symlinkSync(String(deadProcess()), name);
    vi.spyOn(process, "kill").mockImplementationOnce(() => {
      unlinkSync(name);
      symlinkSync(String(process.ppid), name);
      throw Object.assign(new Error("kill ESRCH"), { code: "ESRCH" });
    });
    const lock = new FilesystemLock(name);
    expect(lock.lock()).toBe(false);
    expect(lock.locked).toBe(false);
    expect(readlinkSync(name)).toBe(String(process.ppid));
  });

  it("is left to a live process that is about to remove the stale lock", () => {
    const dead = String(deadProcess());
    symlinkSync(dead, name);
    symlinkSync(String(process.ppid), `${name}.stale`);
    expect(new FilesystemLock(name).lock()).toBe(false);
    expect(readlinkSync(name)).toBe(dead);
  });

  it("is taken when the process that was about to remove the stale lock has died too", () => {
    const dead = String(deadProcess());
    symlinkSync(dead, name);
    symlinkSync(dead, `${name}.stale`);
    expect(new FilesystemLock(name).lock()).toBe(true);
    expect(isLink(`${name}.stale`)).toBe(false);
  });

  it.each(["nobody", "0", "-1", "12.5", "4294967297"])("is no lock when it points to %s", (target) => {
    symlinkSync(target, name);
    expect(() => new FilesystemLock(name).lock()).toThrow(LockFileError);
    expect(() => isLocked(name)).toThrow(LockFileError);
    expect(readlinkSync(name)).toBe(target);
  });

  it("does not touch an ordinary file of its name", () => {
    writeFileSync(name, "precious");
    expect(() => new FilesystemLock(name).lock()).toThrow(LockFileError);
    expect(existsSync(name)).toBe(true);
  });

  it("throws the system's errors", () => {
    expect(() => new FilesystemLock(join(directory, "missing", "lock")).lock()).toThrow(/ENOENT/);
    writeFileSync(name, "");
    expect(() => isLocked(join(name, "below a file"))).toThrow(/ENOTDIR/);
    symlinkSync("4321", join(directory, "other"));
    killFailsWith("EINVAL");
    expect(() => new FilesystemLock(join(directory, "other")).lock()).toThrow("kill EINVAL");
  });

  it("cannot be unlocked by an object that does not hold it", () => {
    const holder = new FilesystemLock(name);
    const other = new FilesystemLock(name);
    holder.lock();
    expect(() => other.unlock()).toThrow(LockFileError);
    expect(isLink(name)).toBe(true);
    holder.unlock();
    expect(() => holder.unlock()).toThrow(LockFileError);
  });

  it("cannot be unlocked once it is another process's or removed", () => {
    const lock = new FilesystemLock(name);
    lock.lock();
    unlinkSync(name);
    expect(() => lock.unlock()).toThrow(LockFileError);
    expect(lock.locked).toBe(false);
    lock.lock();
    unlinkSync(name);
    symlinkSync(String(process.ppid), name);
    expect(() => lock.unlock()).toThrow(LockFileError);
    expect(isLink(name)).toBe(true);
  });

  it("is released by `using`", () => {
    const lock = new FilesystemLock(name);
    {
      using held = lock;
      expect(held.lock()).toBe(true);
    }
    expect(isLink(name)).toBe(false);
  });
});

/** Write the file that says which link it belongs to, as the owner of the lock keeps it. */
function writeRecord(link = name): void {
  const { mtimeNs } = lstatSync(link, { bigint: true });
  writeFileSync(`${link}.owner`, `${readlinkSync(link)} ${mtimeNs}\n`);
}

describe("a FilesystemLock whose process id says nothing", () => {
  it("is taken when a process that had our id left it before we were started", () => {
    symlinkSync(String(process.pid), name);
    lutimesSync(name, 1_000_000, 1_000_000);
    expect(isLocked(name)).toBe(false);
    const lock = new FilesystemLock(name);
    expect([lock.lock(), lock.clean]).toEqual([true, false]);
  });

  it("is taken when the process that was about to remove the stale lock had our id too", () => {
    for (const link of [name, `${name}.stale`]) {
      symlinkSync(String(process.pid), link);
      lutimesSync(link, 1_000_000, 1_000_000);
    }
    expect(new FilesystemLock(name).lock()).toBe(true);
    expect(isLink(`${name}.stale`)).toBe(false);
  });

  it("is taken when the process that was about to remove it has ended and another one got its id", () => {
    symlinkSync(String(deadProcess()), name);
    symlinkSync(String(process.ppid), `${name}.stale`);
    writeRecord(`${name}.stale`);
    expect(new FilesystemLock(name).lock()).toBe(true);
    expect([`${name}.stale`, `${name}.stale.owner`].map(isLink)).toEqual([false, false]);
  });

  it("is taken when a process was about to remove it long ago, of which there is no more than an id in use", () => {
    symlinkSync(String(deadProcess()), name);
    symlinkSync(String(process.ppid), `${name}.stale`);
    lutimesSync(`${name}.stale`, 1_000_000, 1_000_000);
    expect(new FilesystemLock(name).lock()).toBe(true);
    expect(isLink(`${name}.stale`)).toBe(false);
  });

  it("is not taken from this process, although the clock was set and it seems older", () => {
    const holder = new FilesystemLock(name);
    holder.lock();
    lutimesSync(name, 1_000_000, 1_000_000);
    expect(isLocked(name)).toBe(true);
    expect(new FilesystemLock(name).lock()).toBe(false);
    holder.unlock();
    expect(isLink(name)).toBe(false);
    symlinkSync(String(process.pid), name);
    lutimesSync(name, 1_000_000, 1_000_000);
    expect(isLocked(name)).toBe(false);
  });

  it("is taken when its owner has ended and another process got its id", () => {
    symlinkSync(String(process.ppid), name);
    writeRecord();
    expect(isLocked(name)).toBe(false);
    const lock = new FilesystemLock(name);
    expect([lock.lock(), lock.clean]).toEqual([true, false]);
  });

  it("is not taken from an owner that lives where it cannot be seen", () => {
    const holder = new FilesystemLock(name);
    holder.lock();
    killFailsWith("ESRCH");
    expect(isLocked(name)).toBe(true);
    expect(new FilesystemLock(name).lock()).toBe(false);
    holder.unlock();
    expect(new FilesystemLock(name).lock()).toBe(true);
  });

  it("keeps a file beside it while it is held, for its owner's eyes only", () => {
    const lock = new FilesystemLock(name);
    lock.lock();
    expect(lstatSync(`${name}.owner`).mode & 0o777).toBe(0o600);
    expect(readFileSync(`${name}.owner`, "utf8")).toContain(`${process.pid} `);
    lock.unlock();
    expect(isLink(`${name}.owner`)).toBe(false);
  });

  it.each<[string, () => void]>([
    ["belongs to an earlier link", () => writeFileSync(`${name}.owner`, `${process.ppid} 1\n`)],
    ["is empty", () => writeFileSync(`${name}.owner`, "")],
    [
      "is a symbolic link",
      () => {
        writeRecord();
        symlinkSync("lock.owner.real", `${name}.owner.link`);
        spawnSync("mv", [`${name}.owner`, `${name}.owner.real`]);
        spawnSync("mv", [`${name}.owner.link`, `${name}.owner`]);
      },
    ],
    ["is a FIFO", () => void spawnSync("mkfifo", [`${name}.owner`])],
  ])("is judged by the process id when the file beside it %s", (_what, make) => {
    symlinkSync(String(process.ppid), name);
    make();
    expect(isLocked(name)).toBe(true);
    expect(new FilesystemLock(name).lock()).toBe(false);
    // Such a file does not keep the lock from being taken when it is free, nor is what it points to written.
    unlinkSync(name);
    const lock = new FilesystemLock(name);
    expect(lock.lock()).toBe(true);
    expect(lstatSync(`${name}.owner`).isFile()).toBe(true);
    lock.unlock();
  });
});

describe.runIf(process.getuid?.() === 0)("a FilesystemLock in a directory with the sticky bit", () => {
  const NOBODY = 65_534;

  beforeEach(() => chmodSync(directory, 0o1777));
  afterEach(() => process.seteuid!(0));

  it("that another user left is told of, with the way out, and ends a wait", () => {
    const pid = deadProcess();
    symlinkSync(String(pid), name);
    process.seteuid!(NOBODY);
    const error = expect.objectContaining({
      code: "ERR_LOCK_FILE",
      message: expect.stringMatching(new RegExp(`${pid} of user 0, which has ended.*remove it as that user`)),
    });
    expect(() => new FilesystemLock(name).lock()).toThrow(error);
    const clock = new Clock();
    expect(watch(new DeferredFilesystemLock(name, clock).deferUntilLocked())).toEqual([error]);
    expect(clock.getDelayedCalls()).toEqual([]);
    expect(isLink(`${name}.stale`)).toBe(false);
  });

  it("is not taken because of a file that another user put beside it", () => {
    symlinkSync(String(process.ppid), name);
    lchownSync(name, NOBODY, NOBODY);
    writeRecord();
    expect(new FilesystemLock(name).lock()).toBe(false);
  });

  it("can be taken though another user put a file beside it", () => {
    writeFileSync(`${name}.owner`, "");
    process.seteuid!(NOBODY);
    const lock = new FilesystemLock(name);
    expect(lock.lock()).toBe(true);
    lock.unlock();
    expect(isLink(name)).toBe(false);
  });
});

describe("isLocked", () => {
  it("is true while a live process holds the lock, and changes nothing", () => {
    expect(isLocked(name)).toBe(false);
    expect(isLink(name)).toBe(false);
    const lock = new FilesystemLock(name);
    lock.lock();
    expect(isLocked(name)).toBe(true);
    lock.unlock();
    expect(isLocked(name)).toBe(false);
    symlinkSync(String(deadProcess()), name);
    expect(isLocked(name)).toBe(false);
    expect(isLink(name)).toBe(true);
  });
});

describe("DeferredFilesystemLock", () => {
  let clock: Clock;
  let lock: DeferredFilesystemLock;
  let holder: FilesystemLock;

  beforeEach(() => {
    clock = new Clock();
    lock = new DeferredFilesystemLock(name, clock);
    holder = new FilesystemLock(name);
  });

  it("is a FilesystemLock", () => {
    expect(lock).toBeInstanceOf(FilesystemLock);
    expect(lock.lock()).toBe(true);
    lock.unlock();
  });

  it("is acquired at once when it is free, and fires with itself", () => {
    expect(watch(lock.deferUntilLocked(1))).toEqual([lock]);
    expect(lock.locked).toBe(true);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("is tried every second until it is free", () => {
    holder.lock();
    const seen = watch(lock.deferUntilLocked());
    clock.pump([1, 1, 0.5]);
    holder.unlock();
    expect(seen).toEqual([]);
    clock.advance(0.5);
    expect(seen).toEqual([lock]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("is acquired before the timeout when it becomes free in time", () => {
    holder.lock();
    clock.callLater(1, () => holder.unlock());
    const seen = watch(lock.deferUntilLocked(10));
    clock.pump(new Array(10).fill(1));
    expect(seen).toEqual([lock]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("fails with TimeoutError when it does not become free in time", () => {
    holder.lock();
    const d = lock.deferUntilLocked(5.5);
    clock.pump(new Array(10).fill(1));
    const error = errorOf(d, TimeoutError);
    expect(error.message).toContain(name);
    expect(error.message).toContain("5.5 seconds");
    expect(clock.getDelayedCalls()).toEqual([]);
    expect(lock.locked).toBe(false);
  });

  it("is tried a last time at the timeout", () => {
    holder.lock();
    const seen = watch(lock.deferUntilLocked(0.5));
    holder.unlock();
    clock.advance(0.5);
    expect(seen).toEqual([lock]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("cannot be waited for twice at the same time", () => {
    holder.lock();
    const first = lock.deferUntilLocked();
    errorOf(lock.deferUntilLocked(), AlreadyTryingToLockError);
    holder.unlock();
    clock.advance(1);
    expect(watch(first)).toEqual([lock]);
  });

  it("can be waited for again and again", () => {
    holder.lock();
    const seen = watch(
      lock.deferUntilLocked().addCallback((held) => {
        held.unlock();
        return held.deferUntilLocked();
      }),
    );
    holder.unlock();
    clock.advance(1);
    expect(seen).toEqual([lock]);
    lock.unlock();
    expect(watch(lock.deferUntilLocked())).toEqual([lock]);
  });

  it.each([[undefined], [5]])("stops trying when it is cancelled, with a timeout of %s", (timeout) => {
    holder.lock();
    const d = lock.deferUntilLocked(timeout);
    d.cancel();
    errorOf(d, CancelledError);
    expect(clock.getDelayedCalls()).toEqual([]);
    holder.unlock();
    clock.advance(10);
    expect(isLink(name)).toBe(false);
    expect(watch(lock.deferUntilLocked())).toEqual([lock]);
  });

  it("stops trying when a signal aborts, and does not start when it has already aborted", () => {
    holder.lock();
    const controller = new AbortController();
    const d = lock.deferUntilLocked(undefined, { signal: controller.signal });
    controller.abort("enough");
    expect(errorOf(d, CancelledError).cause).toBe("enough");
    holder.unlock();
    errorOf(lock.deferUntilLocked(1, { signal: controller.signal }), CancelledError);
    expect(isLink(name)).toBe(false);
    expect(clock.getDelayedCalls()).toEqual([]);
    expect(watch(lock.deferUntilLocked())).toEqual([lock]);
  });

  it("is not tried any more once the program has fired the Deferred itself", () => {
    holder.lock();
    const d = lock.deferUntilLocked(5);
    d.callback(lock);
    clock.advance(1);
    expect(clock.getDelayedCalls()).toEqual([]);
    holder.unlock();
    clock.advance(10);
    expect(isLink(name)).toBe(false);
    expect(watch(lock.deferUntilLocked())).toEqual([lock]);
  });

  it("fails with the system's errors, at once or later", () => {
    const lost = new DeferredFilesystemLock(join(directory, "missing", "lock"), clock);
    expect(watch(lost.deferUntilLocked(1))).toEqual([expect.objectContaining({ code: "ENOENT" })]);
    holder.lock();
    const later = lock.deferUntilLocked(5);
    holder.unlock();
    writeFileSync(name, "");
    clock.advance(1);
    errorOf(later, LockFileError);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("refuses an invalid timeout, and can be used afterwards", () => {
    expect(() => lock.deferUntilLocked(-1)).toThrow(RangeError);
    expect(watch(lock.deferUntilLocked())).toEqual([lock]);
  });

  it("is released by `using`", async () => {
    {
      using held = await lock.deferUntilLocked();
      expect(held.locked).toBe(true);
    }
    expect(isLink(name)).toBe(false);
  });

  it("needs a clock where no reactor is installed", () => {
    expect(() => new DeferredFilesystemLock(name)).toThrow(NoClockError);
  });
});

describe("the errors of these locks", () => {
  it("are SkeinErrors with a code", () => {
    const errors = [new LockFileError("x"), new AlreadyTryingToLockError()];
    expect(errors.map((e) => [e instanceof SkeinError, e.name, e.code])).toEqual([
      [true, "LockFileError", "ERR_LOCK_FILE"],
      [true, "AlreadyTryingToLockError", "ERR_ALREADY_TRYING_TO_LOCK"],
    ]);
  });
});
