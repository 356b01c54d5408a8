import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { loadNative } from "../../src/native.ts";

/** The table as it is on `platform`, and the error that lists the backends which watch descriptors. */
async function on(platform: NodeJS.Platform) {
  vi.resetModules();
  vi.stubGlobal("process", Object.create(process, { platform: { value: platform } }));
  const { BACKENDS } = await import("../../src/internet/reactor/backends.ts");
  const { DescriptorsNotSupportedError } = await import("../../src/internet/error.ts");
  return {
    all: BACKENDS.map(({ name }) => name),
    here: BACKENDS.filter(({ isHere }) => isHere).map(({ name }) => name),
    refusal: new DescriptorsNotSupportedError("node").message,
  };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("the table of backends", () => {
  it("has a row for each entry of the addon's registry", async () => {
    const registry = readFileSync(join(import.meta.dirname, "../../native/backend/registry.cc"), "utf8");
    const names = [...registry.matchAll(/BackendEntry\{"(\w+)"/g)].map(([, name]) => name!);
    expect((await on(process.platform)).all.toSorted()).toEqual(names.toSorted());
  });

  it("says which of them the addon of this platform includes", async () => {
    const imitated = process.env.SKEIN_LIBKQUEUE ? ["kqueue"] : [];
    const names = loadNative()
      .backends()
      .map(({ name }) => name);
    expect([...(await on(process.platform)).here, ...imitated].toSorted()).toEqual(names.toSorted());
  });

  it.each([
    ["linux", ["epoll", "poll", "select", "io_uring"]],
    ["darwin", ["kqueue", "poll", "select"]],
    ["freebsd", ["kqueue", "poll", "select"]],
    ["sunos", ["poll", "select"]],
    ["win32", ["iocp", "select"]],
  ] as const)("says which of them %s has", async (platform, expected) => {
    expect((await on(platform)).here).toEqual(expected);
  });
});

describe("a reactor that cannot watch descriptors", () => {
  it.each([
    ["linux", "Choose one that can: epoll, poll, select, io_uring, as in SKEIN_REACTOR=epoll."],
    ["darwin", "Choose one that can: kqueue, poll, select, as in SKEIN_REACTOR=kqueue."],
    ["win32", "None of this platform can: use Node's own modules, as node:net and node:fs."],
  ] as const)("names those of %s that can", async (platform, way) => {
    expect((await on(platform)).refusal).toBe(`The node reactor cannot watch descriptors. ${way}`);
  });
});
