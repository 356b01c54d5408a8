/** Clients with bad intentions. Each attack resolves when it is under way; what it returns ends it. */
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** Ends an attack: its connections are reset. */
export type Release = () => Promise<void>;

/** Addresses of this machine, a different one for each number. */
export function addressOf(n: number): string {
  return `127.1.${n >> 8}.${n & 255}`;
}

/** Connections of attackers. */
export class Horde {
  readonly sockets = new Set<Socket>();
  /** Bytes that they received. */
  received = 0;

  constructor() {
    onTestFinished(() => this.release());
  }

  /**
   * Connect from `address`. Resolves when the kernel has, or refused: to be accepted is another matter.
   * @param reads whether it reads what comes
   */
  connect(port: number, address: string, reads = true): Promise<Socket> {
    const socket = connect({ port, host: "127.0.0.1", localAddress: address });
    this.sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.sockets.delete(socket));
    if (reads) socket.on("data", (data) => (this.received += data.length));
    return new Promise((resolve) => {
      socket.once("connect", () => resolve(socket));
      socket.once("close", () => resolve(socket));
    });
  }

  /** `count` connections, from `peers` addresses in turn. */
  connectMany(count: number, port: number, peers: number, reads = true): Promise<Socket[]> {
    return Promise.all(Array.from({ length: count }, (_, i) => this.connect(port, addressOf(i % peers), reads)));
  }

  /** Reset all connections. Resolves when they are closed. */
  async release(): Promise<void> {
    await Promise.all([...this.sockets].map((socket) => reset(socket)));
  }
}

/** Resolves when it is closed. */
export function reset(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  // libuv does not reset what has sent its FIN, as a socket does when it has received one.
  if (socket.destroyed || socket.connecting || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
  return closed;
}

/** Send `message` over and over, as fast as it is taken, until the connection closes. Never reads. */
export function pour(socket: Socket, message: Buffer | string): void {
  const block = Buffer.concat(
    Array.from({ length: 1 + Math.floor(65_536 / message.length) }, () => Buffer.from(message)),
  );
  const more = () => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on("drain", more);
  more();
}

/** Send `message` over and over, a byte at a time, until the connection closes. */
export function trickle(socket: Socket, message: Buffer): void {
  let at = 0;
  const next = () => {
    if (socket.destroyed) return;
    socket.write(message.length === 0 ? "x" : message.subarray(at, at + 1), () => setImmediate(next));
    at = (at + 1) % Math.max(1, message.length);
  };
  next();
}
