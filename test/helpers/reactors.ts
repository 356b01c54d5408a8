/**
 * Runs tests on every reactor that there is here: each backend the addon was built with, with each driver that it takes.
 *
 * A test is given a fresh reactor that runs. After it the reactor is stopped and destroyed, and nothing may be left: no
 * connection, no descriptor, no line in the log that the test did not take.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect } from "vitest";
import type { EngineReactor } from "../../src/internet/enginereactor.ts";
import { type DriverName, NativeReactor } from "../../src/internet/nativereactor.ts";
import { describe as describeError, type LogEvent, setObserver } from "../../src/logger/logger.ts";
import { type BackendInfo, loadNative } from "../../src/native.ts";
import { type SubjectName, titleOf } from "../portable/results.ts";
import { until } from "./gate.ts";
import { closePeers } from "./peer.ts";

export type Make = (options?: {
  /** False: only made, not run; a port of it collects connections that nobody accepts. */
  readonly run?: boolean;
}) => EngineReactor;

export const LOOPBACKS = ["127.0.0.1", "::1"] as const;

const log: LogEvent[] = [];

/** Take what was logged since the last call, as "message: error". */
export function takeLog(): string[] {
  return log.splice(0).map(({ message, error }) => (error === undefined ? message : `${message}: ${error}`));
}

/** One row of the matrix: a reactor, and the way it lives in Node's loop. */
export interface Subject extends SubjectName {
  readonly driver: DriverName;
  readonly make: () => EngineReactor;
}

function subjects(): Subject[] {
  return loadNative()
    .backends()
    .filter(({ unavailable }) => unavailable === "")
    .flatMap((backend) =>
      drivers(backend).map((driver) => ({
        reactor: backend.name,
        driver,
        transport: "IPv4",
        make: () => new NativeReactor(backend.name, { driver }),
      })),
    );
}

/** Call `body` once for each reactor, inside a `describe` of its own. */
export function forEachReactor(body: (make: Make, subject: Subject) => void): void {
  for (const subject of subjects()) {
    describe(titleOf(subject), () => body(reactorsOf(subject), subject));
  }
}

/** A backend with a descriptor of its own prefers "pollable"; a waiter's thread fits every one. */
function drivers(backend: BackendInfo): DriverName[] {
  return backend.driver === "pollable" ? ["pollable", "waiter"] : ["waiter"];
}

function reactorsOf(subject: Subject): Make {
  const made: { reactor: EngineReactor; ended: Promise<void> | undefined }[] = [];
  let before = 0;

  beforeEach(() => {
    before = openSockets();
    setObserver((event) => log.push(event));
  });

  afterEach(async () => {
    await closePeers();
    for (const { reactor, ended } of made.splice(0)) {
      await reactor[Symbol.asyncDispose]();
      await ended;
      if (ended !== undefined) {
        const { connections, lingering } = reactor.stats();
        expect(connections - lingering, "connections that are left").toBe(0);
      }
      reactor.destroy();
    }
    await until(() => openSockets() <= before);
    setObserver(undefined);
    expect(log.splice(0).map(({ message, error }) => `${message}: ${describeError(error)}`)).toEqual([]);
  });

  return ({ run = true } = {}) => {
    const reactor = subject.make();
    made.push({ reactor, ended: run ? reactor.run({ installSignalHandlers: false }) : undefined });
    return reactor;
  };
}

/** The sockets of this process. In a worker they are those of its neighbours too: there is nothing to count. */
export function openSockets(): number {
  if (!isMainThread) return 0;
  let sockets = 0;
  for (const descriptor of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${descriptor}`).startsWith("socket:")) sockets++;
    } catch {
      // The descriptor that the listing itself was read by.
    }
  }
  return sockets;
}
