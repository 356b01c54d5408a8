/** Node's own `tls` as a client. One secure context for all connections, and each session is resumed once. */
import { connect, createSecureContext } from "node:tls";
import { writeInPieces } from "./pieces.mjs";
import { answered, asked, fail, measure, message } from "./tls-clients.mjs";

const SESSIONS_MOST = 100;

const secureContext = createSecureContext({
  ca: asked.authority,
  ciphers: "TLS_AES_128_GCM_SHA256",
  ecdhCurve: "X25519",
});
const sessions = [];
let last;

function open() {
  const session = sessions.pop();
  const socket = connect({ host: "127.0.0.1", port: asked.port, servername: "localhost", secureContext, session });
  let received = 0;
  last = socket;
  socket.setNoDelay(true);
  socket.on("error", fail);
  if (asked.resume) {
    socket.on("session", (ticket) => {
      if (sessions.length < SESSIONS_MOST) sessions.push(ticket);
    });
  }
  socket.on("data", (data) => {
    received += data.length;
    if (received < message.length) return;
    received = 0;
    answered(asked.churn && socket.isSessionReused());
    if (asked.idle) return;
    if (!asked.churn) return ask(socket);
    socket.end();
    open();
  });
  ask(socket);
}

function ask(socket) {
  if (asked.writes === 1) socket.write(message);
  else writeInPieces(socket, message, asked.writes);
}

let negotiated;

await measure(
  () => {
    open();
    if (negotiated !== undefined) return;
    const socket = last;
    negotiated = {};
    socket.once("secureConnect", () => {
      negotiated = { group: socket.getEphemeralKeyInfo().name, cipher: socket.getCipher().name };
    });
  },
  () => negotiated,
);
