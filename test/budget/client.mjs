/**
 * Keeps an echo server busy with plain Node sockets: every round sends one message on each connection and waits for all
 * the answers. The server is held (SIGSTOP) while a round is sent, so that it finds all of it, as a server at its limit
 * does, however the two processes happen to be scheduled.
 *
 *   node client.mjs SERVER-PID PORT CONNECTIONS BYTES
 *
 * Speaks to its parent: "ready" when all are connected; then for each { rounds } it is sent, "done" after so many.
 */
import { once } from "node:events";
import { connect } from "node:net";

const [server, port, connections, bytes] = process.argv.slice(2).map(Number);
const message = Buffer.alloc(bytes, "skein");
const sockets = [];
let missing = 0;
let roundsLeft = 0;

for (let i = 0; i < connections; i++) {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  socket.on("data", received);
  socket.on("close", () => process.exit(1));
  sockets.push(socket);
}
process.on("message", ({ rounds }) => {
  roundsLeft = rounds;
  round();
});
process.on("disconnect", () => process.exit());
process.send("ready");

function received(data) {
  missing -= data.length;
  if (missing === 0) round();
}

function round() {
  if (roundsLeft-- === 0) {
    process.send("done");
    return;
  }
  missing = connections * bytes;
  process.kill(server, "SIGSTOP");
  for (const socket of sockets) socket.write(message);
  process.kill(server, "SIGCONT");
}
