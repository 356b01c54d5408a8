// Node's own client: connects to each port of the list on standard input, as to the host that stands beside it, and says
// "accepted", or the code of the error.
import { once } from "node:events";
import { connect, isIP } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTLS } from "node:tls";

const { ca, attempts } = JSON.parse(await text(process.stdin));
const decisions = [];
for (const { port, host } of attempts) {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  decisions.push(
    await new Promise((resolve) => {
      try {
        const secure = connectTLS({ socket, ca, host, servername: isIP(host) ? "" : host }, () => resolve("accepted"));
        secure.on("error", (error) => resolve(error.code ?? error.message));
      } catch (error) {
        resolve(error.code ?? error.message);
      }
    }),
  );
  socket.destroy();
}
console.log(JSON.stringify({ version: process.version, decisions }));
