/** One reactor per test, on every backend and driver there is, and what the tests of its behaviour need around it. */

import { connect, type Socket } from "node:net";
import { afterEach, describe, expect } from "vitest";
import type { Failure } from "../../src/internet/failure.ts";
import type { Address, ListeningPort, ListenTCPOptions, ProtocolLike } from "../../src/internet/interfaces.ts";
import { NativeReactor } from "../../src/internet/nativereactor.ts";
import { ClientFactory, Factory, Protocol } from "../../src/internet/protocol.ts";
import { type LogEvent, setObserver } from "../../src/logger/log.ts";
import { loadNative } from "../../src/native.ts";

const DRIVERS = ["pollable", "waiter"] as const;

export class Bench {
  readonly reactor: NativeReactor;
  /** What was logged since the test began. */
  readonly logged: LogEvent[] = [];
  readonly ended: Promise<void>;

  constructor(backend: string, driver: (typeof DRIVERS)[number]) {
    setObserver((event) => this.logged.push(event));
    this.reactor = new NativeReactor(backend, { driver });
    this.ended = this.reactor.run({ installSignalHandlers: false });
  }

  /** Listen on a free port of 127.0.0.1 (or `interface`) and give each connection what `build` makes. */
  listen(build: (addr: Address) => ProtocolLike | null, options: ListenTCPOptions = {}): ListeningPort {
    const factory = new Factory();
    factory.buildProtocol = build as typeof factory.buildProtocol;
    return this.reactor.listenTCP(0, factory, { interface: "127.0.0.1", backlog: 511, ...options });
  }

  async end(): Promise<void> {
    if (this.reactor.running) this.reactor.stop();
    await this.ended;
    const { connections, lingering } = this.reactor.stats();
    this.reactor.destroy();
    setObserver(undefined);
    expect(connections - lingering, "connections left open").toBe(0);
  }
}

export function onEveryReactor(body: (start: () => Bench) => void): void {
  for (const { name, unavailable } of loadNative().backends()) {
    if (unavailable !== "") continue;
    for (const driver of DRIVERS) {
      describe(`on ${name}, ${driver} driver`, () => {
        let bench: Bench | undefined;
        afterEach(async () => {
          await bench?.end();
          bench = undefined;
        });
        body(() => {
          bench = new Bench(name, driver);
          return bench;
        });
      });
    }
  }
}

/** A protocol that records what happens to it, and lets a test wait for it. */
export class Recorder extends Protocol {
  readonly events: string[] = [];
  readonly chunks: Buffer[] = [];
  reason: Failure | undefined;
  private readonly waiters: { ready: () => boolean; go: () => void }[] = [];

  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  override connectionMade(): void {
    this.note("made");
  }

  override dataReceived(data: Buffer): void {
    this.chunks.push(data);
    this.note("data");
  }

  override connectionLost(reason: Failure): void {
    this.reason = reason;
    this.note("lost");
  }

  note(event: string): void {
    if (event !== "data" || this.events.at(-1) !== "data") this.events.push(event);
    for (const waiter of this.waiters.splice(0)) {
      if (waiter.ready()) waiter.go();
      else this.waiters.push(waiter);
    }
  }

  /** Resolves once `ready` holds; looked at after each event. */
  when(ready: () => boolean): Promise<void> {
    if (ready()) return Promise.resolve();
    return new Promise((go) => this.waiters.push({ ready, go }));
  }

  get made(): Promise<void> {
    return this.when(() => this.events.includes("made"));
  }

  get lost(): Promise<void> {
    return this.when(() => this.reason !== undefined);
  }
}

/** A factory that gives the connection it is used for the given protocol. */
export function clientFactory(protocol: ProtocolLike): ClientFactory {
  const factory = new ClientFactory();
  factory.buildProtocol = (() => protocol) as typeof factory.buildProtocol;
  return factory;
}

/** The code of what a connection was lost with. */
export function codeOf(reason: Failure | undefined): string {
  return String((reason?.value as { code?: unknown } | undefined)?.code);
}

/** A plain peer, connected. It reads only once it is told to: resume() or on("data"). */
export async function peer(port: ListeningPort, options: { allowHalfOpen?: boolean } = {}): Promise<Socket> {
  const { host, port: number } = port.getHost();
  const socket = connect({ host, port: number, allowHalfOpen: options.allowHalfOpen ?? false });
  socket.on("error", () => undefined);
  await event(socket, "connect");
  return socket;
}

export function event<T = unknown>(emitter: NodeJS.EventEmitter, name: string): Promise<T> {
  return new Promise((resolve) => emitter.once(name, resolve));
}

/** Everything the peer receives until its end. */
export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await event(socket, "end");
  return Buffer.concat(chunks);
}

/** One pass through Node's loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Passes through Node's loop until `ready` holds. A test that waits in vain is ended by its time limit. */
export async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await turn();
}
