// Node's own TLS, which echoes: `server` on a free port of 127.0.0.1, or `client` of a port. Prints the port, what was
// agreed, and what the client got. Standard input: PEM of the authority, of the own certificate and of its key, as JSON.
import { text } from "node:stream/consumers";
import { connect, createServer } from "node:tls";

const [what, port] = process.argv.slice(2);
const options = JSON.parse(await text(process.stdin));

if (what === "server") {
  const server = createServer({ ...options, requestCert: true, ALPNProtocols: ["echo"] }, (socket) => {
    console.log(`${socket.getProtocol()} ${socket.alpnProtocol} ${socket.getPeerCertificate().subject.CN}`);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
} else {
  const socket = connect({ ...options, port, host: "127.0.0.1", servername: "localhost", ALPNProtocols: ["echo"] });
  socket.once("secureConnect", () => {
    const { name } = socket.getEphemeralKeyInfo();
    console.log(`${socket.getProtocol()} ${socket.alpnProtocol} ${name} ${socket.getPeerCertificate().subject.CN}`);
    socket.end("hello");
  });
  let got = "";
  socket.setEncoding("utf8").on("data", (data) => {
    got += data;
  });
  socket.once("end", () => console.log(`got ${got}`));
}
