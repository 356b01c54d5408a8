/** Node's own `tls` as an echo server, with the certificate, cipher and group of the others. */
import { readFileSync } from "node:fs";
import { createServer } from "node:tls";
import { parseArgs } from "node:util";
import { writeInPieces } from "./pieces.mjs";

const { values } = parseArgs({
  options: { writes: { type: "string", default: "1" }, key: { type: "string" }, cert: { type: "string" } },
});
const writes = Number(values.writes);
const options = {
  key: readFileSync(values.key),
  cert: readFileSync(values.cert),
  ciphers: "TLS_AES_128_GCM_SHA256",
  ecdhCurve: "X25519",
  noDelay: true,
};
const server = createServer(options, (socket) => {
  socket.on("error", () => {});
  if (writes === 1) socket.on("data", (data) => socket.write(data));
  else socket.on("data", (data) => writeInPieces(socket, data, writes));
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => console.log(`LISTENING ${server.address().port}`));
