/** Closing a socket of node:net by a reset. */
import type { Socket } from "node:net";

/** uv_tcp_close_reset() fails while a shutdown of the socket is pending. */
export function resetSocket(socket: Socket): void {
  const shutting = socket.writableEnded && !socket.writableFinished && !socket.destroyed;
  if (shutting) socket.once("finish", () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}
