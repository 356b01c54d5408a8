/** What a service does whose standard error is read by nobody, or slowly: it serves, and its memory stays bounded. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { STALLED_MAX } from "../../src/logger/standardpipe.ts";
import { attentively } from "../helpers/attention.ts";
import { Conversation } from "../helpers/program.ts";

const SERVICE = fileURLToPath(new URL("logging.mjs", import.meta.url));
const FORGOTTEN = fileURLToPath(new URL("forgottenlog.mjs", import.meta.url));
const MEBIBYTE = 1024 * 1024;
const [READ, UNREAD] = ["\x1b]0;hostile\x07", "x".repeat(200)];

/** The service, with its standard error connected to `stderr`. It tells its port on standard output. */
async function serve(
  times: number,
  stderr: "pipe" | number,
  env: NodeJS.ProcessEnv = {},
): Promise<{ child: ReturnType<typeof spawn>; port: number }> {
  const child = spawn(process.execPath, [SERVICE, String(times)], {
    stdio: ["ignore", "pipe", stderr],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [said] = (await once(child.stdout!, "data")) as [Buffer];
  return { child, port: Number(/port (\d+)/.exec(String(said))![1]) };
}

async function ask(client: Conversation, line: string): Promise<{ most: number; listeners: number }> {
  client.say(`${line}\r\n`);
  const [, most, listeners] = await client.until(/ (\d+) (\d+)\r\n/);
  return { most: Number(most), listeners: Number(listeners) };
}

async function ends(client: Conversation, child: ReturnType<typeof spawn>): Promise<void> {
  const exited = once(child, "exit");
  client.say("bye\r\n");
  expect(await exited).toEqual([0, null]);
}

describe("a service that logs what its clients send", () => {
  it("serves on when the reader of its standard error has gone", async () => {
    const { child, port } = await serve(1, "pipe");
    const client = await Conversation.with(port);
    const first = once(child.stderr!, "data");
    await ask(client, READ);
    await first;
    child.stderr!.destroy();
    for (let i = 0; i < 100; i++) await ask(client, READ);
    const { listeners } = await ask(client, READ);
    expect(listeners).toBeLessThanOrEqual(1);
    await ends(client, child);
  });

  it("serves on when head -1 reads it", async () => {
    const pipeline = spawn("sh", ["-c", `"${process.execPath}" "${SERVICE}" 1 2>&1 | head -1; echo over`]);
    onTestFinished(() => void pipeline.kill("SIGKILL"));
    const [said] = (await once(pipeline.stdout!, "data")) as [Buffer];
    const port = Number(/port (\d+)/.exec(String(said))![1]);
    const over = once(pipeline.stdout!, "data");
    const client = await Conversation.with(port);
    for (let i = 0; i < 100; i++) await ask(client, READ);
    client.say("bye\r\n");
    expect(await client.closed).toMatch(/bye\r\n$/);
    await over;
  });

  it.runIf(process.platform === "linux")("serves on when standard error is a full disk", async () => {
    const full = openSync("/dev/full", "w");
    const { child, port } = await serve(1, full);
    closeSync(full);
    const client = await Conversation.with(port);
    for (let i = 0; i < 100; i++) await ask(client, READ);
    await ends(client, child);
  });

  it("queues a bounded number of bytes while nobody reads, and says how many events were dropped", async () => {
    const { child, port } = await serve(1000, "pipe");
    const client = await Conversation.with(port);
    let most = 0;
    for (let i = 0; i < 50; i++) ({ most } = await ask(client, UNREAD));
    expect(most).toBeGreaterThan(MEBIBYTE);
    expect(most).toBeLessThan(MEBIBYTE + 10_000);
    let log = "";
    let told = (): void => {};
    const count = new Promise<void>((resolve) => {
      told = resolve;
    });
    child.stderr!.on("data", (chunk) => {
      log += String(chunk);
      if (/dropped: they were not read fast enough\n/.test(log)) told();
    });
    await count;
    const dropped = Number(/(\d+) log events before this one were dropped/.exec(log)![1]);
    expect(dropped).toBeGreaterThan(40_000);
    const end = once(child.stderr!, "end");
    await ends(client, child);
    await end;
    expect(log.match(/A peer sent/g)!.length + dropped).toBe(50_000);
  });

  it.each(["default", "node"])("ends although nobody reads what waits, on the %s reactor", async (reactor) => {
    const { child, port } = await serve(1000, "pipe", reactor === "default" ? {} : { SKEIN_REACTOR: reactor });
    const client = await Conversation.with(port);
    let most = 0;
    for (let i = 0; i < 10; i++) ({ most } = await ask(client, UNREAD));
    expect(most).toBeGreaterThan(MEBIBYTE);
    await ends(client, child);
  });

  it("ends although nobody reads what waits, when the program calls process.exit()", async () => {
    const { child, port } = await serve(1000, "pipe");
    const client = await Conversation.with(port);
    for (let i = 0; i < 10; i++) await ask(client, UNREAD);
    const exited = once(child, "exit");
    client.say("exit\r\n");
    expect(await exited).toEqual([0, null]);
  });

  it("has written all that waits when it ends, while somebody reads", () =>
    attentively(STALLED_MAX / 2, async () => {
      const { child, port } = await serve(1000, "pipe");
      const client = await Conversation.with(port);
      const { most } = await ask(client, UNREAD);
      expect(most).toBeGreaterThan(0);
      const ended = ends(client, child);
      await client.closed;
      const log = await text(child.stderr!);
      await ended;
      expect(log.match(/A peer sent/g)).toHaveLength(1000);
    }));
});

it("a log file whose observer was forgotten is closed before it is collected, which would end the process", async () => {
  const directory = mkdtempSync(join(tmpdir(), "skein-log-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const child = spawn(process.execPath, ["--expose-gc", FORGOTTEN, join(directory, "app.log")]);
  let errors = "";
  child.stderr.on("data", (data) => (errors += String(data)));
  expect(await once(child, "close")).toEqual([0, null]);
  expect(errors).toBe("");
  expect(readFileSync(join(directory, "app.log"), "utf8")).toMatch(/ kept\n$/);
});
