/** The other end of a connection: a plain socket of the test's own world, half-open as the test pleases. */

import type { Bytes } from "../../src/internet/interfaces.ts";
import type { FlowCheck } from "./flow.ts";
import { Queue, Tally } from "./gate.ts";
import { loopback, type PeerPort, type PeerSocket, world } from "./world.ts";

const open = new Set<Peer | PeerServer>();

/** Close every peer that a test left open. */
export async function closePeers(): Promise<void> {
  await Promise.all([...open].map((peer) => peer.close()));
}

export interface PeerOptions {
  readonly host?: string;
  /** False: nothing is read until read(). */
  readonly reading?: boolean;
  /** Takes what arrives, which is kept otherwise. */
  readonly check?: FlowCheck;
}

export class Peer {
  readonly socket: PeerSocket;
  /** The other end has closed its side. */
  readonly ended: Promise<void>;
  /** Fulfilled with "", or with the name of the error that ended it. */
  readonly closed: Promise<string>;
  /** Bytes that arrived. */
  readonly arrived = new Tally();
  readonly #check: FlowCheck | undefined;
  #chunks: Buffer[] = [];
  #taken = 0;

  constructor(socket: PeerSocket, { reading = true, check }: PeerOptions = {}) {
    this.socket = socket;
    this.#check = check;
    let problem = "";
    socket.on("error", (error: NodeJS.ErrnoException) => {
      problem = error.code ?? error.message;
    });
    this.ended = new Promise((resolve) => socket.once("end", resolve));
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        open.delete(this);
        resolve(problem);
      });
    });
    open.add(this);
    if (reading) this.read();
  }

  /** A connection to a port of this machine. */
  static connect(port: number, options: PeerOptions = {}): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const socket = world().connect(port, options.host ?? loopback());
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new Peer(socket, options));
      });
    });
  }

  /** Begin to read, or go on. */
  read(): void {
    if (this.socket.listenerCount("data") === 0) this.socket.on("data", (data: Buffer) => this.#received(data));
    this.socket.resume();
  }

  /** The next `count` bytes, as text. */
  async take(count: number): Promise<string> {
    return (await this.takeBytes(count)).toString();
  }

  async takeBytes(count: number): Promise<Buffer> {
    await this.arrived.reaches(this.#taken + count);
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all.subarray(count)];
    this.#taken += count;
    return all.subarray(0, count);
  }

  /** What is left when the other end has closed its side, as text. */
  async rest(): Promise<string> {
    await this.ended;
    return this.take(this.arrived.count - this.#taken);
  }

  write(data: Bytes): void {
    this.socket.write(data);
  }
  end(data: Bytes = ""): void {
    this.socket.end(data);
  }
  /** Close with a reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  #received(data: Buffer): void {
    if (this.#check === undefined) this.#chunks.push(data);
    else this.#check.take(data);
    this.arrived.add(data.length);
  }
}

/** A listening port whose connections are peers. */
export class PeerServer {
  readonly port: number;
  readonly #listening: PeerPort;
  readonly #accepted: Queue<Peer>;

  private constructor(listening: PeerPort, accepted: Queue<Peer>) {
    this.#listening = listening;
    this.#accepted = accepted;
    this.port = listening.port;
    open.add(this);
  }

  /** `make`: its peers are of another kind. */
  static async listen(
    options: PeerOptions = {},
    make: (socket: PeerSocket) => Peer = (socket) => new Peer(socket, options),
  ): Promise<PeerServer> {
    const accepted = new Queue<Peer>();
    const put = (socket: PeerSocket) => accepted.put(make(socket));
    return new PeerServer(await world().listen(options.host ?? loopback(), put), accepted);
  }

  /** The next connection. */
  accepted(): Promise<Peer> {
    return this.#accepted.next();
  }

  /** Listen no more. Connections go on. */
  close(): void {
    open.delete(this);
    this.#listening.close();
  }
}
