/** Bytes that wait for a program keep little more memory than themselves alive, on each way that they can wait. */
import type { ReadableStream } from "node:stream/web";
import { expect, test } from "vitest";
import { connectionOver, lines, strings, toDuplex, toWeb } from "../../src/entries/streams.ts";
import type { Transport } from "../../src/internet/interfaces.ts";
import { Tally, turns } from "../helpers/gate.ts";
import { buffersHeld } from "../helpers/memory.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Recorder, serve } from "../helpers/recorder.ts";

const PEERS = 200;
/** The engine's own memory may grow meanwhile, by blocks that all connections share. */
const SHARED = 256 * 1024;

/** Ways in which received bytes wait; what is returned is kept. */
const WAYS: readonly (readonly [string, (transport: Transport) => unknown])[] = [
  ["read by nobody", (transport) => connectionOver(transport)],
  [
    "in a loop over a connection that was given one piece",
    (transport) => waiting(connectionOver(transport)[Symbol.asyncIterator]()),
  ],
  ["in lines()", (transport) => waiting(lines(connectionOver(transport)))],
  ["in strings()", (transport) => waiting(strings(connectionOver(transport), "int16"))],
  ["in a byte stream, behind what was read with a view", (transport) => viewed(toWeb(transport).readable)],
  ["in a Duplex", (transport) => toDuplex(transport)],
  ["in a paused transport", paused],
];

function paused(transport: Transport): Transport {
  transport.pauseProducing();
  return transport;
}

function waiting(loop: AsyncIterator<unknown>): unknown {
  // It ends with the test, which cuts the connection.
  return [loop, drain(loop).catch(() => undefined)];
}

const VIEWED = 8 * 1024;

/** Read all but the last byte. */
function viewed(readable: ReadableStream<Uint8Array>): unknown {
  const reader = readable.getReader({ mode: "byob" });
  const read = async (): Promise<void> => {
    for (let left = VIEWED; left > 0; ) left -= (await reader.read(new Uint8Array(Math.min(left, 1024)))).value!.length;
    for (let i = 0; i < 8; i++) items.add();
  };
  // It ends with the test, which cuts the connection.
  return [reader, read().catch(() => undefined)];
}

/** Items that loops have taken. */
let items = new Tally();

/** Take items until none comes any more, and forget them. */
async function drain(loop: AsyncIterator<unknown>): Promise<void> {
  while ((await loop.next()).done !== true) items.add();
}

forEachReactor((make) => {
  for (const [name, receive] of WAYS) {
    test(`one byte of each of many peers holds little memory, ${name}`, async () => {
      const { port, next } = serve(make(), () => new Recorder(), { backlog: PEERS });
      const peers: Peer[] = [];
      items = new Tally();
      const kept: unknown[] = [];
      const transports: Transport[] = [];
      while (peers.length < PEERS) {
        peers.push(await Peer.connect(port));
        const protocol = await next();
        const transport = await protocol.made.promise;
        transports.push(transport);
        kept.push(receive(transport));
      }
      // Whole strings, and lines, that are taken, with the beginning of another behind them.
      const taken =
        name === "in strings()"
          ? strung(8)
          : name === "in lines()"
            ? Buffer.from(`${"x".repeat(700)}\r\n`.repeat(8))
            : name.startsWith("in a byte stream")
              ? Buffer.alloc(VIEWED)
              : "";
      const before = await buffersHeld();
      for (const peer of peers) peer.write(Buffer.concat([Buffer.from(taken as Buffer), Buffer.from("x")]));
      await items.reaches(taken.length > 0 ? 8 * PEERS : 0);
      await turns(20);
      const held = (await buffersHeld()) - before;
      expect(kept).toHaveLength(PEERS);
      expect(held).toBeLessThan(SHARED + PEERS * (4 + 1024));
      for (const transport of transports) transport.abortConnection();
    });
  }
});

/** Strings of 1 KiB with their length in two bytes in front. */
function strung(count: number): Buffer {
  const one = Buffer.alloc(2 + 1024, "x");
  one.writeUInt16BE(1024);
  return Buffer.concat(Array.from({ length: count }, () => one));
}
