// @ts-check
/**
 * A server whose connections are async functions.
 *
 *   node examples/async-server.js [PORT]     then, elsewhere:  nc -C localhost 1234
 */
import { reactor } from "skein/reactor";
import { handle, lines } from "skein/streams";

const factory = handle(async (connection) => {
  connection.write("Say something, or quit.\r\n");
  for await (const line of lines(connection, { encoding: "utf8" })) {
    if (line === "quit") break;
    await connection.write(`You said: ${line}\r\n`);
  }
  connection.write("Bye.\r\n");
});

const port = reactor.listenTCP(Number(process.argv[2] ?? 1234), factory);
reactor.callWhenRunning(() => console.log(`Listening on ${port.getHost()}. Press Ctrl-C to stop.`));
await reactor.run();
