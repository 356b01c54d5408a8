/** Bun.listen as an echo server, with TLS or without (TCP_NODELAY is its default). Run by Bun, not by Node. */
import { writeInPieces } from "./pieces.mjs";

/** Bun's write() takes what the kernel takes and leaves the rest to its caller. */
class Outbox {
  constructor(socket) {
    this.socket = socket;
    this.rest = null;
  }

  write(bytes) {
    if (this.rest !== null) {
      this.rest = Buffer.concat([this.rest, bytes]);
      return;
    }
    const sent = Math.max(0, this.socket.write(bytes));
    if (sent < bytes.length) this.rest = Buffer.from(bytes.subarray(sent));
  }

  drain() {
    const bytes = this.rest;
    if (bytes === null) return;
    this.rest = null;
    this.write(bytes);
  }
}

export function listen({ writes, ...options }) {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    ...options,
    socket: {
      open(socket) {
        socket.data = new Outbox(socket);
      },
      data:
        writes === 1
          ? (socket, data) => socket.data.write(data)
          : (socket, data) => writeInPieces(socket.data, data, writes),
      drain(socket) {
        socket.data.drain();
      },
    },
  });
  console.log(`LISTENING ${server.port}`);
}
