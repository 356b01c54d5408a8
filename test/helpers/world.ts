/**
 * Where a test takes place: the machine's own network, or a simulated one; over one family of addresses. The helpers ask
 * for the one of the test that runs.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { SocketDuplex } from "../../src/entries/streams.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import type { Transport } from "../portable/results.ts";

/** What peers use of a net.Socket. */
export type PeerSocket = Socket | SocketDuplex;

export interface PeerPort {
  readonly port: number;
  /** Listen no more. */
  close(): void;
}

export interface World {
  readonly family: Transport;
  /** This machine, as a literal address. */
  readonly loopback: string;
  /** A literal address that this machine does not have. */
  readonly absent: string;
  /** A new reactor under test. */
  reactor(): EngineReactor;
  /** A connection of a peer, which is half-open as the peer pleases; it emits "connect" or "error". */
  connect(port: number, host: string): PeerSocket;
  /** A port of a peer. */
  listen(host: string, accepted: (socket: PeerSocket) => void): Promise<PeerPort>;
  /** The test is over. */
  close(): void;
}

const ADDRESSES = {
  IPv4: { loopback: "127.0.0.1", absent: "203.0.113.1" },
  IPv6: { loopback: "::1", absent: "2001:db8::1" },
} as const;

/** The kernel's network; peers are sockets of node:net. */
export class KernelWorld implements World {
  readonly family: Transport;
  readonly loopback: string;
  readonly absent: string;
  readonly reactor: () => EngineReactor;

  constructor(family: Transport, reactor: () => EngineReactor) {
    this.family = family;
    this.loopback = ADDRESSES[family].loopback;
    this.absent = ADDRESSES[family].absent;
    this.reactor = reactor;
  }

  connect(port: number, host: string): PeerSocket {
    return connect({ port, host, allowHalfOpen: true, noDelay: true });
  }

  async listen(host: string, accepted: (socket: PeerSocket) => void): Promise<PeerPort> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accepted);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, host, resolve);
    });
    return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
  }

  close(): void {}
}

const OUTSIDE = new KernelWorld("IPv4", () => {
  throw new Error("Only tests inside forEachReactor() have a reactor made.");
});

let current: World = OUTSIDE;

/** Where the test that runs takes place. */
export function world(): World {
  return current;
}

/** This machine's address there. */
export function loopback(): string {
  return current.loopback;
}

/**
 * An address of this machine for one test, or a part of one: on Linux, where all of 127.0.0.0/8 is this machine's, a random
 * one. There an attempt to connect to a port that has closed meets nobody else to whom the kernel gave its number
 * meanwhile, in this process or another.
 */
export function ownLoopback(): string {
  if (process.platform !== "linux" || !(current instanceof KernelWorld) || current.family !== "IPv4") return loopback();
  const part = (least: number) => least + Math.floor(Math.random() * (255 - least));
  return `127.${part(1)}.${part(0)}.${part(1)}`;
}

/** A literal host as it stands before a port. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** Have what follows take place in `next`; without, in the kernel's network over IPv4. */
export function enter(next: World = OUTSIDE): void {
  current = next;
}
