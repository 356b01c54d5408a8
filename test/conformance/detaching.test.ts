/** Received Buffers whose memory a program takes away: by byte streams, by messages to workers, by transfer(). */

import type { ReadableByteStreamController as ByteController } from "node:stream/web";
import { MessageChannel } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { flow } from "../helpers/flow.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Recorder, serve } from "../helpers/recorder.ts";

/** Node 20 has none. */
const transfer = (ArrayBuffer.prototype as { transfer?: (this: ArrayBufferLike) => ArrayBuffer }).transfer;

/** Each way takes the memory of `data` away, and returns what arrived at the other side. */
const WAYS: Readonly<Record<string, (data: Buffer) => Uint8Array | Promise<Uint8Array>>> = {
  enqueue(data) {
    const stream = new ReadableStream({
      type: "bytes",
      start: (controller: ByteController) => controller.enqueue(data),
    });
    return stream
      .getReader()
      .read()
      .then(({ value }) => value!);
  },
  structuredClone: (data) => structuredClone(data, { transfer: [data.buffer as ArrayBuffer] }),
  postMessage(data) {
    const { port1, port2 } = new MessageChannel();
    try {
      const arrived = new Promise<Uint8Array>((resolve) => {
        port2.once("message", resolve);
      });
      port1.postMessage(data, [data.buffer as ArrayBuffer]);
      return arrived.finally(() => port1.close());
    } catch (error) {
      port1.close();
      throw error;
    }
  },
  ...(transfer === undefined ? {} : { transfer: (data: Buffer) => new Uint8Array(transfer.call(data.buffer)) }),
};

const REFUSAL = /could not be transferred|not detachable|Cannot transfer/;
const REFUSED_EVERYWHERE = new Set(["enqueue", "transfer"]);
/** V8 keeps up to 64 bytes in its heap. */
const SIZES = [1, 64, 65, 1000, 20_000];

class Keeper extends Recorder {
  pieces: Buffer[] = [];

  protected override keep(data: Buffer): void {
    this.pieces.push(data);
  }

  /** The pieces that came since the last call. */
  async take(upTo: number): Promise<Buffer[]> {
    await this.arrived.reaches(upTo);
    return this.pieces.splice(0);
  }
}

forEachReactor((make) => {
  test("a chunk that a protocol owns can be transferred in every way, without bytes of other connections", async () => {
    const { port, next } = serve(make(), () => new Keeper());
    const [talker, owner] = [await Peer.connect(port), await next()];
    const [other, neighbour] = [await Peer.connect(port), await next()];
    let sent = 0;
    let heard = 0;
    for (const [name, way] of Object.entries(WAYS)) {
      for (const size of SIZES) {
        const piece = flow(size, sent);
        for (const bytes of [piece, piece]) {
          // Two of one connection, one of another in between.
          talker.write(bytes);
          sent += size;
          await owner.arrived.reaches(sent);
          other.write(flow(100, heard));
          heard += 100;
          await neighbour.arrived.reaches(heard);
        }
        const [first, ...rest] = await owner.take(sent);
        const kept = Buffer.concat([first!, ...rest]);
        const taken = await way(first!);
        expect([name, size, first!.length, Buffer.compare(taken, kept.subarray(0, taken.length))]).toEqual([
          name,
          size,
          0,
          0,
        ]);
        expect(Buffer.concat([taken, ...rest]).equals(Buffer.concat([piece, piece]))).toBe(true);
        expect(Buffer.concat(await neighbour.take(heard)).equals(flow(200, heard - 200))).toBe(true);
      }
    }
  });

  test.each([
    ["refused", false],
    ["done with a copy where there is no memory that can be lent", true],
  ])("to take away what a protocol borrows is %s, and the engine keeps its memory", async (_what, scarce) => {
    // Set by hand: the bundle for other Nodes has no `vi`.
    const { WebAssembly } = globalThis as { WebAssembly?: unknown };
    onTestFinished(() => void Object.assign(globalThis, { WebAssembly }));
    if (scarce) Object.assign(globalThis, { WebAssembly: undefined });
    const tried = new Map<string, unknown>();
    const ways = Object.entries(WAYS);
    class Thief extends Recorder {
      static override readonly borrows = true;
      override dataReceived(data: Buffer): void {
        this.transport.write(data);
        const [name, way] = ways[tried.size]!;
        const before = Buffer.from(data);
        try {
          tried.set(
            name,
            Promise.resolve(way(data)).then((bytes) => before.equals(bytes)),
          );
        } catch (error) {
          tried.set(name, String(error));
        }
        if (!scarce && !data.equals(before)) tried.set(name, "took the memory");
      }
    }
    const reactor = make();
    const { port } = serve(reactor, () => new Thief());
    const keeping = serve(reactor, () => new Keeper());
    const [peer, other] = [await Peer.connect(port), await Peer.connect(keeping.port)];
    const neighbour = await keeping.next();
    for (let i = 0; i < ways.length; i++) {
      other.write(flow(100, i * 100));
      peer.write(`message ${i}`);
      expect(await peer.take(9)).toBe(`message ${i}`);
    }
    expect(Buffer.concat(await neighbour.take(100 * ways.length)).equals(flow(100 * ways.length))).toBe(true);
    for (const [name, outcome] of tried) {
      const was = await outcome;
      // Node 20 lets messages copy what it does not transfer. Small arenas may be parts of memory that was there before.
      if (was !== true || (!scarce && REFUSED_EVERYWHERE.has(name))) expect(was).toMatch(REFUSAL);
    }
    expect(tried.size).toBe(ways.length);
  });
});
