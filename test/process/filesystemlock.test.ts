/** Lock files between process id namespaces, as containers have them: in each the first process has the id 1. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const CONTAINER = ["--pid", "--fork", "--mount-proc", "--kill-child"];
const hasContainers = spawnSync("unshare", [...CONTAINER, "true"]).status === 0;
const script = fileURLToPath(new URL("locker.mjs", import.meta.url));

let directory: string;
let name: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-lock-"));
  name = join(directory, "lock");
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Start a process that is the first of a container, and takes the lock. */
async function start(then: "wait" | "die"): Promise<{ child: ChildProcess; said: unknown }> {
  const child = spawn("unshare", [...CONTAINER, process.execPath, script, name, then], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  return { child, said: JSON.parse(line.toString()) };
}

describe.runIf(hasContainers)("a lock file that containers share", () => {
  test("is taken by the container that is started again after a crash, with the same process id", async () => {
    for (let i = 0; i < 3; i++) {
      const { child, said } = await start("die");
      await once(child, "close");
      expect(said).toEqual({ pid: 1, locked: true });
      expect(readlinkSync(name)).toBe("1");
    }
  });

  test("is not taken from another container's process that lives, with the same process id", async () => {
    const first = await start("wait");
    const second = await start("wait");
    expect([first.said, second.said]).toEqual([
      { pid: 1, locked: true },
      { pid: 1, locked: false },
    ]);
    for (const { child } of [first, second]) {
      const closed = once(child, "close");
      child.stdin!.end();
      await closed;
    }
    // It ended without unlock(): the lock is stale.
    const third = await start("wait");
    expect(third.said).toEqual({ pid: 1, locked: true });
    const closed = once(third.child, "close");
    third.child.stdin!.end();
    await closed;
  });
});
