/** What tests against other people's programs need: the programs, a reactor of our own, and its connections. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, onTestFinished } from "vitest";
import type { Address, ServerFactoryLike } from "../../src/internet/interfaces.ts";
import { Factory, type Protocol } from "../../src/internet/protocol.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { preferredBackend } from "../../src/internet/reactor/installation.ts";
import { NativeReactor } from "../../src/internet/reactor/native.ts";
import { Program } from "./program.ts";

/** The path of `program`; throws when it is not installed, and says how to install it. */
export function need(program: string, debianPackage = program): string {
  for (const folder of [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/bin"]) {
    const path = join(folder, program);
    if (spawnSync("test", ["-x", path]).status === 0) return path;
  }
  throw new Error(`This test talks to ${program}, which is not installed: apt-get install ${debianPackage}`);
}

let twisted: string | undefined;

/** A Python that has Twisted; throws when there is none. */
export function twistedPython(): string {
  twisted ??= ["python3", "/usr/bin/python3"].find(
    (python) => spawnSync(python, ["-c", "import twisted.internet.reactor"]).status === 0,
  );
  if (twisted !== undefined) return twisted;
  throw new Error("This test talks to Twisted, which no python3 here has: apt-get install python3-twisted");
}

/** Run one of the Python programs beside the tests. */
export function python(script: string, ...args: readonly (string | number)[]): Program {
  const path = fileURLToPath(new URL(`../interop/peers/${script}`, import.meta.url));
  return new Program(twistedPython(), ["-u", path, ...args.map(String)]);
}

/** A running reactor for each test of the file, or of the `describe` around it. */
export function testReactor(
  make: () => EngineReactor = () => new NativeReactor(preferredBackend()),
): () => EngineReactor {
  let reactor: EngineReactor;
  let ended: Promise<void>;
  beforeEach(() => {
    reactor = make();
    ended = reactor.run({ installSignalHandlers: false });
  });
  afterEach(async () => {
    await reactor[Symbol.asyncDispose]();
    await ended;
    reactor.destroy();
  });
  return () => reactor;
}

/** A factory whose protocols `build` makes. */
export function building<P extends Protocol>(build: (addr: Address) => P): Factory<P> {
  const factory = new Factory<P>();
  factory.buildProtocol = build;
  return factory;
}

/** Listen on a free port of 127.0.0.1; returns the port. */
export function listen(reactor: EngineReactor, factory: ServerFactoryLike): number {
  return reactor.listenTCP(0, factory, { interface: "127.0.0.1" }).getHost().port;
}

/** A folder that is removed with all in it when the test is finished. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "skein-interop-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Wait until somebody accepts connections on a port of 127.0.0.1. Rejects when `program` ends before. */
export async function accepting(port: number, program: Program): Promise<void> {
  let exit: unknown;
  program.exited.then((how) => {
    exit = how;
  });
  while (!(await accepts(port))) {
    if (exit !== undefined) throw new Error(`The program ended: ${JSON.stringify(exit)}\n${program.stderr}`);
    await setImmediate();
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
