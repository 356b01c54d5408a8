/** What the engine does in a turn that brings more than its memory for received bytes holds. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { loopSeconds } from "../helpers/gate.ts";
import { nextMessage, startNode } from "../process/child.ts";

const ARENA_BYTES = 128 * 1024;
const READ_BYTES = 32 * 1024;
const FULL = ARENA_BYTES / READ_BYTES;

interface Counted {
  readonly received: number;
  readonly lingering: number;
}

async function connectTo(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true });
  await once(socket, "connect");
  return socket.resume();
}

/** Resolves once the kernel has the bytes: on loopback they are at the other end then. */
function send(socket: Socket, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve())));
}

test("a lingering connection is still read when the arena is full", async () => {
  const server = startNode(import.meta.url, "arena.mjs", [], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exit = once(server, "exit");
  const { port } = await nextMessage<{ port: number }>(server);
  const ask = async (): Promise<Counted> => {
    server.send("how is it?");
    return nextMessage(server);
  };
  const busy: Socket[] = [];
  for (let i = 0; i < FULL; i++) busy.push(await connectTo(port));
  const leaving = await connectTo(port);
  await send(leaving, "bye");
  await once(leaving, "end");
  expect(await ask()).toEqual({ received: 0, lingering: 1 });

  // Held meanwhile, the server finds it all in one turn: the arena is full to the last byte when the last one is read.
  server.kill("SIGSTOP");
  for (const socket of busy) await send(socket, Buffer.alloc(READ_BYTES));
  await send(leaving, "more than the server wants to know");
  server.kill("SIGCONT");
  leaving.end();

  // What lingers is closed by force after 5 to 10 seconds: it must be gone long before.
  let late = false;
  void loopSeconds(3).then(() => {
    late = true;
  });
  let counted = await ask();
  while ((counted.lingering > 0 || counted.received < ARENA_BYTES) && !late) counted = await ask();
  expect(counted).toEqual({ received: ARENA_BYTES, lingering: 0 });

  for (const socket of [...busy, leaving]) socket.destroy();
  server.disconnect();
  await exit;
});
