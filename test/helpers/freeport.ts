/** Ports for tests that have to name one, or to find nobody there. */

import { createServer } from "node:net";

/** Below those that kernels hand out (Linux from 32768, others from 49152): no other test's connection can take one. */
const FIRST = 10_000;
const COUNT = 20_000;

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(COUNT * Math.random());
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
