/** Writes to each connection for ever, and awaits each write: 100 bytes, or as many as the first argument says. */
import { reactor } from "../../dist/entries/reactor.js";
import { handle } from "../../dist/entries/streams.js";

const bytes = Buffer.alloc(Number(process.argv[2] ?? 100), "x");
const port = reactor.listenTCP(
  0,
  handle(async (connection) => {
    for (;;) await connection.write(bytes);
  }),
  { interface: "127.0.0.1" },
);
reactor.run();
console.log(`LISTENING ${port.getHost().port}`);
