import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RotatingFileOptions, rotatingFileLogObserver } from "../../src/logger/file.ts";
import { eventsFromJSONLogFile, LogEvent } from "../../src/logger/logger.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "skein-log-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const event = (text: string): LogEvent =>
  new LogEvent("info", "test", text, undefined, undefined, undefined, 1_700_000_000);

async function logged(options: RotatingFileOptions, count: number): Promise<void> {
  const observer = rotatingFileLogObserver(join(directory, "app.log"), options);
  for (let i = 0; i < count; i++) observer(event(`event ${String(i).padStart(4, "0")}`));
  await observer.close();
  expect(observer.dropped).toBe(0);
}

const read = (name: string): string => readFileSync(join(directory, name), "utf8");

describe("the rotating file", () => {
  it("has no path with a NUL character, which no file system has", () => {
    expect(() => rotatingFileLogObserver(join(directory, "app\0.log"))).toThrow(RangeError);
    expect(existsSync(directory) && readdirSync(directory)).toEqual([]);
  });

  it("holds every event as text", async () => {
    await logged({}, 3);
    expect(read("app.log").split("\n")).toEqual([
      "2023-11-14T22:13:20.000Z [test#info] event 0000",
      "2023-11-14T22:13:20.000Z [test#info] event 0001",
      "2023-11-14T22:13:20.000Z [test#info] event 0002",
      "",
    ]);
  });

  it("holds every event as JSON", async () => {
    await logged({ format: "json" }, 3);
    expect([...eventsFromJSONLogFile(read("app.log"))].map((one) => one.message)).toEqual([
      "event 0000",
      "event 0001",
      "event 0002",
    ]);
  });

  it("is rotated as it grows; no event is lost, and the order is kept", async () => {
    await logged({ rotateBytes: 1000, maxFiles: 50 }, 100);
    const names = readdirSync(directory).sort((a, b) => Number(b.split(".")[2] ?? 0) - Number(a.split(".")[2] ?? 0));
    expect(names.length).toBeGreaterThan(3);
    const all = names.map(read).join("");
    expect(all.match(/event \d+/g)).toEqual(
      Array.from({ length: 100 }, (_, i) => `event ${String(i).padStart(4, "0")}`),
    );
  });

  it("keeps at most maxFiles old files", async () => {
    await logged({ rotateBytes: 1000, maxFiles: 2 }, 200);
    expect(readdirSync(directory).sort()).toEqual(["app.log", "app.log.1", "app.log.2"]);
  });

  it("compresses old files with `compress`", async () => {
    await logged({ rotateBytes: 1000, maxFiles: 50, compress: true }, 100);
    const [first] = readdirSync(directory).filter((name) => name !== "app.log");
    const old = readFileSync(join(directory, first as string));
    expect(gunzipSync(old).toString()).toContain("event");
  });

  it("creates the directory", async () => {
    const observer = rotatingFileLogObserver(join(directory, "deep", "er", "app.log"));
    observer(event("x"));
    await observer[Symbol.asyncDispose]();
    expect(existsSync(join(directory, "deep", "er", "app.log"))).toBe(true);
  });

  it("drops events beyond maxBufferedBytes when the disk is slow", async () => {
    const observer = rotatingFileLogObserver(join(directory, "app.log"), { maxBufferedBytes: 500 });
    for (let i = 0; i < 100; i++) observer(event(`event ${i}`));
    expect(observer.dropped).toBeGreaterThan(80);
    await observer.close();
    const lines = read("app.log").trimEnd().split("\n");
    expect(lines.at(-1)).toMatch(
      new RegExp(`${observer.dropped} log events before this one were dropped: the disk is too slow`),
    );
    expect(lines.length - 1).toBe(100 - observer.dropped);
  });

  it("may be closed twice", async () => {
    const observer = rotatingFileLogObserver(join(directory, "app.log"));
    await observer.close();
    await observer.close();
  });
});
