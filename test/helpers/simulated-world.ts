/** A simulated network as the place of a test: the reactors under test and their peers are programs of one machine. */
import { nextTick } from "node:process";
import { connectDuplex, duplexFactory } from "../../src/entries/streams.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { type SimulatedHost, type SimulatedReactor, Simulation } from "../../src/testing/simulation/simulation.ts";
import type { PeerPort, PeerSocket, World } from "./world.ts";

/** So much virtual time passes with each turn of Node's loop: many ways over the loopback, and far from any timeout. */
const SECONDS_A_TURN = 0.001;
/** Bytes that are on their way at most: about what a kernel's buffers hold. */
const WINDOW = 256 * 1024;
const HALF_OPEN = { allowHalfOpen: true } as const;

export class SimulatedWorld implements World {
  readonly family = "IPv4";
  readonly loopback = "127.0.0.1";
  readonly absent = "203.0.113.1";
  readonly #host: SimulatedHost;
  readonly #peers: SimulatedReactor;
  #over = false;

  constructor(host: SimulatedHost) {
    this.#host = host;
    this.#peers = host.reactor;
    void this.#play();
  }

  /** A network of its own. */
  static open(): SimulatedWorld {
    const simulation = new Simulation();
    const host = simulation.host("machine");
    simulation.link(host, host, { window: WINDOW });
    return new SimulatedWorld(host);
  }

  reactor(): EngineReactor {
    return this.#host.spawn();
  }

  connect(port: number, host: string): PeerSocket {
    return connectDuplex(new TCP4ClientEndpoint(this.#peers, host, port), HALF_OPEN);
  }

  async listen(host: string, accepted: (socket: PeerSocket) => void): Promise<PeerPort> {
    const listening = this.#peers.listenTCP(0, duplexFactory(accepted, HALF_OPEN), { interface: host });
    return { port: listening.getHost().port, close: () => void listening.stopListening() };
  }

  close(): void {
    this.#over = true;
    this.#host.crash();
  }

  /** Let time pass with the turns of Node's loop; after each occurrence everything that follows from it may happen. */
  async #play(): Promise<void> {
    const { queue } = this.#host.network;
    while (!this.#over) {
      const limit = queue.now + SECONDS_A_TURN;
      for (let next = queue.take(limit); next !== undefined && !this.#over; next = queue.take(limit)) {
        next.run();
        await new Promise<void>((resolve) => nextTick(resolve));
      }
      queue.now = Math.max(queue.now, limit);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
