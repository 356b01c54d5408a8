/**
 * Node's own `net` as a server that sends back what it receives, message by message.
 *
 *   --protocol lines    through `readline`
 *   --protocol int32    strings behind a length of four bytes, cut out of what `net` gives
 *   --cork              gather what is written in a turn, as `net` advises
 */
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { protocol: { type: "string", default: "lines" }, cork: { type: "boolean" } } });

function lines(socket) {
  const send = sender(socket);
  createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => send(`${line}\r\n`));
}

function int32(socket) {
  const send = sender(socket);
  let held = Buffer.alloc(0);
  socket.on("data", (data) => {
    const bytes = held.length === 0 ? data : Buffer.concat([held, data]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      send(bytes.subarray(at, end));
      at = end;
    }
    held = bytes.subarray(at);
  });
}

function sender(socket) {
  if (!values.cork) return (bytes) => socket.write(bytes);
  let corked = false;
  const uncork = () => {
    corked = false;
    socket.uncork();
  };
  return (bytes) => {
    if (!corked) {
      corked = true;
      socket.cork();
      process.nextTick(uncork);
    }
    socket.write(bytes);
  };
}

const server = createServer({ noDelay: true }, { lines, int32 }[values.protocol]);
server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => console.log(`LISTENING ${server.address().port}`));
