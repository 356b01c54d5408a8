/**
 * Node's own `net` as an echo server. `--writes N` answers in N writes; `--cork` gathers those, as its documentation
 * advises.
 */
import { createServer } from "node:net";
import { parseArgs } from "node:util";
import { writeInPieces } from "./pieces.mjs";

const { values } = parseArgs({ options: { writes: { type: "string", default: "1" }, cork: { type: "boolean" } } });
const writes = Number(values.writes);

function echo(socket) {
  socket.on("data", (data) => socket.write(data));
}

function echoInPieces(socket) {
  socket.on("data", (data) => writeInPieces(socket, data, writes));
}

function echoCorked(socket) {
  socket.on("data", (data) => {
    socket.cork();
    writeInPieces(socket, data, writes);
    socket.uncork();
  });
}

const server = createServer({ noDelay: true }, values.cork ? echoCorked : writes > 1 ? echoInPieces : echo);
server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => console.log(`LISTENING ${server.address().port}`));
