/**
 * Runs tests on every reactor that there is here: each backend the addon was built with, with each driver that it takes,
 * the one over Node's own sockets, and the simulated one.
 *
 * A test is given a fresh reactor that runs. After it the reactor is stopped and destroyed, and nothing may be left: no
 * connection, no descriptor, no line in the log that the test did not take.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect } from "vitest";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { type DriverName, NativeReactor } from "../../src/internet/reactor/native.ts";
import { NodeReactor } from "../../src/internet/reactor/node.ts";
import { summaryOf } from "../../src/logger/describe.ts";
import { describe as describeError, type LogEvent, setObserver } from "../../src/logger/logger.ts";
import { type BackendInfo, loadNative } from "../../src/native.ts";
import { type SubjectName, type Transport, titleOf } from "../portable/results.ts";
import { exceptionFor } from "./exceptions.ts";
import { until } from "./gate.ts";
import { closePeers } from "./peer.ts";
import { SimulatedWorld } from "./simulated-world.ts";
import { enter, KernelWorld, type World, world } from "./world.ts";

export type Make = (options?: {
  /** False: only made, not run; a port of it collects connections that nobody accepts. */
  readonly run?: boolean;
}) => EngineReactor;

const log: LogEvent[] = [];

/** Take what was logged since the last call, as "message: error". */
export function takeLog(): string[] {
  return log.splice(0).map(({ message, error }) => (error === undefined ? message : `${message}: ${summaryOf(error)}`));
}

/** A column of the matrix: a reactor, the way it lives in Node's loop, and what its connections run over. */
export interface Subject extends SubjectName {
  /** Where a test of it takes place. */
  readonly open: () => World;
  /**
   * Long repetitions are done in full: on the platform's best reactor for readiness and on io_uring, each with the driver
   * that it takes by itself. Elsewhere the gate does a part of them.
   */
  readonly thorough: boolean;
}

/** For behaviours that the family of the addresses may touch. */
export const FAMILIES = ["IPv4", "IPv6"] as const;

/** Call `body` once for each reactor that `takes` it, and each of the families, inside a `describe` of its own. */
export function forEachReactor(
  body: (make: Make, subject: Subject) => void,
  families: readonly Transport[] = ["IPv4"],
  takes: (subject: Subject) => boolean = () => true,
): void {
  for (const subject of subjects()) {
    if (!families.includes(subject.transport) || !takes(subject)) continue;
    describe(titleOf(subject), () => body(reactorsOf(subject), subject));
  }
}

/** The same for tests that talk to programs of this machine: on the reactors that are on the kernel's network. */
export function forEachRealReactor(body: (make: Make, subject: Subject) => void): void {
  for (const subject of subjects()) {
    if (subject.reactor === "simulated" || subject.transport !== "IPv4") continue;
    describe(titleOf(subject), () => body(reactorsOf(subject), subject));
  }
}

/** A reactor on the kernel's network. */
interface Real {
  readonly name: string;
  readonly driver: string;
  /** With the driver that it takes by itself. */
  readonly usual: boolean;
  readonly make: () => EngineReactor;
}

/** SKEIN_REACTORS names those that are of interest, as in "epoll,poll"; otherwise all are. */
function subjects(): Subject[] {
  const wanted = process.env.SKEIN_REACTORS?.split(",").filter((name) => name !== "") ?? [];
  const real = reals();
  if (!isMainThread) {
    const ofInterest = wanted.length > 0 ? wanted : [real[0]!.name];
    return real.filter(({ name }) => ofInterest.includes(name)).map((one) => kernel(one, "IPv4", one === real[0]));
  }
  return all(real).filter(({ reactor }) => wanted.length === 0 || wanted.includes(reactor));
}

function all(real: readonly Real[]): Subject[] {
  return [
    ...real.map((one) => kernel(one, "IPv4", one === real[0] || (one.usual && one.name === "io_uring"))),
    // A driver knows of no addresses: one of them will do.
    ...real.filter(({ usual }) => usual).map((one) => kernel(one, "IPv6")),
    { reactor: "simulated", driver: "virtual", transport: "IPv4", thorough: false, open: SimulatedWorld.open },
  ];
}

function kernel({ name, driver, make }: Real, transport: Transport, thorough = false): Subject {
  return { reactor: name, driver, transport, thorough, open: () => new KernelWorld(transport, make) };
}

/** The best comes first. */
function reals(): Real[] {
  return [...natives(), { name: "node", driver: "node", usual: true, make: () => new NodeReactor() }];
}

function natives(): Real[] {
  const backends = loadNative()
    .backends()
    .filter(({ unavailable }) => unavailable === "");
  return backends.flatMap((backend) =>
    drivers(backend).map((driver, i) => ({
      name: backend.name,
      driver,
      usual: i === 0,
      make: () => new NativeReactor(backend.name, { driver }),
    })),
  );
}

/** A backend with a descriptor of its own prefers "pollable"; a waiter's thread fits every one. */
function drivers(backend: BackendInfo): DriverName[] {
  return backend.driver === "pollable" ? ["pollable", "waiter"] : ["waiter"];
}

function reactorsOf(subject: Subject): Make {
  const made: { reactor: EngineReactor; ended: Promise<void> | undefined }[] = [];
  let before = 0;

  beforeEach(({ task, skip }) => {
    before = openSockets();
    setObserver((event) => log.push(event));
    enter(subject.open());
    const reason = exceptionFor(subject, task);
    if (reason !== undefined) skip(reason);
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
    world().close();
    enter();
    await until(() => openSockets() <= before);
    setObserver(undefined);
    expect(log.splice(0).map(({ message, error }) => `${message}: ${describeError(error)}`)).toEqual([]);
  });

  return ({ run = true } = {}) => {
    const reactor = world().reactor();
    made.push({ reactor, ended: run ? reactor.run({ installSignalHandlers: false }) : undefined });
    return reactor;
  };
}

/** The sockets of this process, where the system lists them. In a worker they are its neighbours' too: nothing to count. */
export function openSockets(): number {
  if (!isMainThread || process.platform !== "linux") return 0;
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
