import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BackendInfo, NativeModule } from "../../src/native.ts";

const native = vi.hoisted(() => ({ backends: [] as BackendInfo[] }));

vi.mock("../../src/native.ts", async (importOriginal) => ({
  ...(await importOriginal<typeof import("../../src/native.ts")>()),
  loadNative: (): Pick<NativeModule, "backends"> => ({ backends: () => native.backends }),
}));
vi.mock("../../src/internet/reactor/engine.ts", () => ({
  EngineReactor: class {
    readonly name: string;
    constructor(name: string) {
      this.name = name;
    }
  },
}));

/** As in native/backend/registry.cc. */
const PREFERENCES: Record<string, number> = {
  epoll: 300,
  kqueue: 300,
  iocp: 300,
  poll: 200,
  select: 100,
  io_uring: 50,
};

/** Backends by name, each with why it cannot be used here. */
function offer(backends: Record<string, string>): void {
  native.backends = Object.entries(backends).map(([name, unavailable]) => ({
    name,
    unavailable,
    preference: PREFERENCES[name]!,
    driver: "pollable",
  }));
}

// Every test has modules of its own, as every process has.
const load = {
  installation: () => import("../../src/internet/reactor/installation.ts"),
  default: () => import("../../src/internet/reactor/default.ts"),
  reactor: () => import("../../src/internet/reactor/reactor.ts"),
  epoll: () => import("../../src/internet/reactor/epoll.ts"),
  epollByImport: () => import("../../src/entries/install/epoll.ts"),
};

beforeEach(() => {
  vi.resetModules();
  vi.stubEnv("SKEIN_REACTOR", undefined);
  offer({ epoll: "", poll: "", select: "" });
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("the default reactor", () => {
  it.each([
    ["epoll", { select: "", poll: "", epoll: "" }],
    ["poll", { select: "", poll: "", epoll: "epoll_create1: ENOSYS" }],
    ["kqueue", { select: "", kqueue: "", poll: "" }],
    ["iocp", { select: "", iocp: "" }],
    ["select", { select: "", poll: "seccomp" }],
  ] as const)("is %s where that is the preferred one of those that work", async (expected, backends) => {
    offer(backends);
    (await load.default()).install();
    expect((await load.installation()).installedReactor()?.name).toBe(expected);
  });

  it("is never one that must be chosen explicitly", async () => {
    offer({ io_uring: "", select: "EMFILE" });
    expect((await load.default()).install).toThrow(/None of the reactors of this platform \(select\) works here/);
  });

  it("is the one named by SKEIN_REACTOR", async () => {
    vi.stubEnv("SKEIN_REACTOR", "select");
    (await load.default()).install();
    expect((await load.installation()).installedReactor()?.name).toBe("select");
  });

  it("is an error that lists the available ones when SKEIN_REACTOR names another", async () => {
    offer({ epoll: "", io_uring: "io_uring_setup: EPERM", poll: "" });
    for (const [wanted, name, why] of [
      ["gpoll", "gpoll", "there is none of that name on this platform"],
      ["constructor", "constructor", "there is none of that name on this platform"],
      ["__proto__", "__proto__", "there is none of that name on this platform"],
      ["uring", "io_uring", "io_uring_setup: EPERM"],
      ["kq", "kqueue", "kqueue is macOS' and the BSDs'"],
    ] as const) {
      vi.stubEnv("SKEIN_REACTOR", wanted);
      const { install } = await load.default();
      expect(install).toThrow(
        expect.objectContaining({
          code: "ERR_REACTOR_NOT_AVAILABLE",
          message: `SKEIN_REACTOR is ${wanted}. There is no ${name} reactor here: ${why}. Available: epoll, poll, node.`,
        }),
      );
    }
    expect((await load.installation()).installedReactor()).toBeUndefined();
  });

  it("is an error without control characters whatever SKEIN_REACTOR contains", async () => {
    offer({ epoll: "" });
    vi.stubEnv("SKEIN_REACTOR", "\u001b[31m\u202e\u0007");
    const { install } = await load.default();
    expect(install).toThrow(/^SKEIN_REACTOR is \\x1b\[31m\\u202e\\x07\. There is no [\x20-\x7e]* reactor here/);
  });

  it("is an error with each reason when none works", async () => {
    offer({ epoll: "epoll_create1: EMFILE", poll: "seccomp" });
    const { install } = await load.default();
    expect(install).toThrow(/Available: only node \(epoll: epoll_create1: EMFILE; poll: seccomp\)/);
  });
});

describe("the module of the reactor", () => {
  it("installs the default one", async () => {
    const { reactor } = await load.reactor();
    expect(reactor.name).toBe("epoll");
    expect((await load.installation()).installedReactor()).toBe(reactor);
  });

  it("exports the one that an earlier import installed", async () => {
    vi.stubEnv("SKEIN_REACTOR", "poll");
    await load.epollByImport();
    const { reactor } = await load.reactor();
    expect(reactor).toBeInstanceOf((await load.epoll()).EPollReactor);
    expect(reactor.name).toBe("epoll");
  });
});

describe("installing a reactor", () => {
  it("is refused as too late after skein/reactor has installed the default one", async () => {
    await load.reactor();
    const refusal = expect.objectContaining({
      name: "ReactorInstalledTooLateError",
      code: "ERR_REACTOR_INSTALLED_TOO_LATE",
      message: expect.stringMatching(/the default reactor, epoll, which stays.*"skein\/install\/NAME", before it/),
    });
    expect((await load.default()).install).toThrow(refusal);
    expect((await load.epoll()).install).toThrow(refusal);
    await expect(load.epollByImport()).rejects.toThrow("This comes too late");
  });

  it("is refused as a second installation after the program itself has installed the default one", async () => {
    (await load.default()).install();
    const refusal = expect.objectContaining({
      name: "ReactorAlreadyInstalledError",
      message: expect.stringContaining("The epoll reactor is installed already"),
    });
    expect((await load.default()).install).toThrow(refusal);
    await load.reactor();
    expect((await load.epoll()).install).toThrow(refusal);
  });

  it("is refused as too late also when SKEIN_REACTOR chose the default one", async () => {
    vi.stubEnv("SKEIN_REACTOR", "poll");
    await load.reactor();
    expect((await load.epoll()).install).toThrow(/the default reactor, poll, which stays/);
  });

  it("is refused when one is installed, which is named", async () => {
    (await load.epoll()).install();
    const refusal = expect.objectContaining({
      code: "ERR_REACTOR_ALREADY_INSTALLED",
      message: expect.stringContaining("The epoll reactor is installed already"),
    });
    expect((await load.default()).install).toThrow(refusal);
    expect((await load.epoll()).install).toThrow(refusal);
    const { installReactor, installedReactor } = await load.installation();
    const { EPollReactor } = await load.epoll();
    expect(() => installReactor(new EPollReactor())).toThrow(refusal);
    expect(installedReactor()).toBe((await load.reactor()).reactor);
  });

  it("is refused for epoll where it is not available", async () => {
    offer({ kqueue: "", poll: "" });
    const { install, EPollReactor } = await load.epoll();
    const refusal = expect.objectContaining({ code: "ERR_REACTOR_NOT_AVAILABLE" });
    expect(install).toThrow(refusal);
    expect(() => new EPollReactor()).toThrow(refusal);
    expect((await load.installation()).installedReactor()).toBeUndefined();
  });

  it("accepts any reactor, once", async () => {
    const { installReactor, installedReactor } = await load.installation();
    const { EPollReactor } = await load.epoll();
    expect(installedReactor()).toBeUndefined();
    const mine = new EPollReactor();
    installReactor(mine);
    expect(installedReactor()).toBe(mine);
    expect((await load.reactor()).reactor).toBe(mine);
  });
});
