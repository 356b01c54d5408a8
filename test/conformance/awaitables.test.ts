/** What can be awaited of a connection, when it is used in unusual ways. */
import { ReadableStream } from "node:stream/web";
import { expect, test } from "vitest";
import { connectionOver, lines, toWeb, write } from "../../src/entries/streams.ts";
import type { Transport } from "../../src/internet/interfaces.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { settled } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Recorder, serve } from "../helpers/recorder.ts";

const MIB = 1024 * 1024;

async function open(reactor: EngineReactor, reading = true): Promise<{ peer: Peer; transport: Transport }> {
  const { port, next } = serve(reactor, () => new Recorder());
  const peer = await Peer.connect(port, { reading });
  const protocol = await next();
  await protocol.made.promise;
  return { peer, transport: protocol.transport };
}

/** A source that never ends. */
function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(MIB)) });
}

forEachReactor((make) => {
  test("concurrent calls of next() are answered in order, and end with the loop", async () => {
    const { peer, transport } = await open(make());
    const loop = lines(transport, { encoding: "utf8", delimiter: "\n" });
    const answers = Promise.all(Array.from({ length: 5 }, () => loop.next()));
    peer.write("one\ntwo\n");
    const third = loop.next();
    peer.end("three\n");
    expect((await answers).map(({ value }) => value)).toEqual(["one", "two", "three", undefined, undefined]);
    expect(await third).toEqual({ done: true, value: undefined });
    await peer.ended;
  });

  test("return() ends every pending next()", async () => {
    const { transport } = await open(make());
    const connection = connectionOver(transport);
    const loop = lines(connection);
    const waiting = [loop.next(), loop.next()];
    await loop.return();
    expect(await Promise.all(waiting)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
    await connection.abort();
  });

  test("a write of a wrong type is rejected without effect, and the next one is sent", async () => {
    const { peer, transport } = await open(make());
    const connection = connectionOver(transport);
    for (const wrong of [{}, 1, null, undefined, [104], new ArrayBuffer(1), Symbol("no")] as unknown as string[]) {
      await expect(write(transport, wrong)).rejects.toThrow(TypeError);
      await expect(connection.write(wrong)).rejects.toThrow(/needs a Uint8Array or a string/);
    }
    await connection.write("hello");
    expect(await peer.take(5)).toBe("hello");
    await connection.abort();
  });

  test("abort() of a web stream aborts the connection while a write waits for a slow peer", async () => {
    const { transport } = await open(make(), false);
    const connection = connectionOver(transport);
    const writer = toWeb(connection).writable.getWriter();
    writer.closed.catch(() => undefined);
    let written = 0;
    const writing = (async () => {
      for (;;) {
        await writer.write(Buffer.alloc(MIB));
        written++;
      }
    })();
    const failed = expect(writing).rejects.toThrow();
    await settled(() => written);
    await writer.abort(new Error("enough"));
    await failed;
    expect(connection.lost).toBe(true);
  });

  test("the signal of pipeTo() or toWeb() aborts the connection while a write waits for a slow peer", async () => {
    const reactor = make();
    const into = await open(reactor, false);
    const from = await open(reactor);
    const piping = new AbortController();
    const { readable } = toWeb(from.transport);
    const target = connectionOver(into.transport);
    const piped = readable.pipeTo(toWeb(target).writable, { signal: piping.signal });
    from.peer.write(Buffer.alloc(32 * MIB));
    const rejected = expect(piped).rejects.toThrow("enough");
    await settled(() => from.peer.socket.writableLength);
    piping.abort(new Error("enough"));
    await rejected;
    expect(target.lost).toBe(true);

    const other = await open(reactor, false);
    const controller = new AbortController();
    const { signal } = controller;
    const { writable } = toWeb(other.transport, { signal });
    const foreign = expect(endless().pipeTo(writable, { signal })).rejects.toThrow("that will do");
    await settled(() => 0);
    controller.abort(new Error("that will do"));
    await foreign;
  });
});
