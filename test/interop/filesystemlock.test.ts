import { spawnSync } from "node:child_process";
import { mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FilesystemLock, isLocked } from "../../src/entries/defer.ts";

// The distribution's own interpreter: python3-twisted belongs to that.
const PYTHON = "/usr/bin/python3";
const hasTwisted = spawnSync(PYTHON, ["-c", "import twisted.python.lockfile"]).status === 0;

let directory: string;
let name: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-lock-"));
  name = join(directory, "lock");
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** What a Python program prints that has Twisted's lock of that name as `lock`. */
function twisted(program: string): string {
  const prelude = "import sys\nfrom twisted.python.lockfile import FilesystemLock, isLocked\n";
  const code = `${prelude}name = sys.argv[1]\nlock = FilesystemLock(name)\n${program}`;
  const { stdout, stderr, status } = spawnSync(PYTHON, ["-c", code, name], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout.trim();
}

describe.runIf(hasTwisted)("a lock file that Twisted uses too", () => {
  it("is locked for Twisted when we hold it", () => {
    const lock = new FilesystemLock(name);
    expect(lock.lock()).toBe(true);
    expect(twisted("print(isLocked(name), lock.lock())")).toBe("True False");
    lock.unlock();
    expect(twisted("print(isLocked(name), lock.lock(), lock.clean); lock.unlock()")).toBe("False True True");
    expect(isLocked(name)).toBe(false);
  });

  it("is taken over by us when Twisted's process died holding it", () => {
    const pid = twisted("import os; lock.lock(); print(os.getpid())");
    expect(readlinkSync(name)).toBe(pid);
    const lock = new FilesystemLock(name);
    expect([lock.lock(), lock.clean]).toEqual([true, false]);
  });
});
