/** What write() takes, and that it arrives. */

import { setImmediate as immediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { ConnectionDone } from "../../src/internet/error.ts";
import type { Bytes } from "../../src/internet/interfaces.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { FAKE_BYTES, LYING_BYTES } from "../helpers/lyingbytes.ts";
import { Peer } from "../helpers/peer.ts";
import { FAMILIES, forEachReactor, takeLog } from "../helpers/reactors.ts";
import { Echo, Recorder, serve } from "../helpers/recorder.ts";

const TEXT = "Grüße, 世界, 🧶";

forEachReactor((make) => {
  /** A protocol that a peer is connected to. */
  async function connected(reactor = make()): Promise<[Recorder, Peer]> {
    const { port, next } = serve(reactor, () => new Recorder());
    const peer = await Peer.connect(port);
    return [await next(), peer];
  }

  test("bytes written before loseConnection() arrive, then the FIN", async () => {
    const [protocol, peer] = await connected();
    protocol.transport.write("all of ");
    protocol.transport.write("this");
    protocol.transport.loseConnection();
    expect(await peer.rest()).toBe("all of this");
    peer.end();
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("bytes written after loseConnection() are sent, until the connection is lost", async () => {
    const [protocol, peer] = await connected();
    protocol.transport.write("before, ");
    protocol.transport.loseConnection();
    protocol.transport.write("after");
    expect(await peer.rest()).toBe("before, after");
  });

  test("so are more bytes than the kernel takes within the tick", async () => {
    const [protocol, peer] = await connected();
    protocol.transport.loseConnection();
    for (let i = 0; i < 200; i++) protocol.transport.write("x".repeat(1000));
    protocol.transport.write("end");
    expect((await peer.rest()).length).toBe(200_003);
  });

  test("a write after the loss is ignored", async () => {
    const [protocol, peer] = await connected();
    peer.end();
    await protocol.lost.promise;
    protocol.transport.write("late");
    protocol.transport.writeSequence(["later", Buffer.from("latest")]);
    expect(await peer.rest()).toBe("");
  });

  test("a write in connectionLost() is ignored", async () => {
    const [protocol, peer] = await connected();
    protocol.onLost = () => protocol.transport.write("late");
    protocol.transport.write("in time");
    protocol.transport.loseConnection();
    expect(await peer.rest()).toBe("in time");
  });

  test("strings leave as UTF-8, bytes as they are, and pieces of a sequence in order", async () => {
    const [protocol, peer] = await connected();
    const memory = new Uint8Array([0, 0, 104, 105, 0, 0]);
    protocol.transport.write(TEXT);
    protocol.transport.write(memory.subarray(2, 4));
    protocol.transport.writeSequence([" a", Buffer.from("b"), new Uint8Array([99]), ""]);
    protocol.transport.writeSequence(new Set(["d", "e"]));
    protocol.transport.writeSequence([]);
    const expected = `${TEXT}hi abcde`;
    expect(await peer.take(Buffer.byteLength(expected))).toBe(expected);
  });

  test("of bytes whose properties lie, what they hold is sent, and nothing of another connection", async () => {
    const reactor = make();
    const [secretive] = await connected(reactor);
    for (const [what, lying] of Object.entries(LYING_BYTES)) {
      const [protocol, peer] = await connected(reactor);
      const texts = [6, 64, 65, 5000, 70_000].map((length) => "own".repeat(length).slice(0, length));
      for (const text of texts) {
        secretive.transport.write(`secret ${text}`);
        protocol.transport.write(lying(text));
        protocol.transport.writeSequence([lying(text)]);
      }
      protocol.transport.loseConnection();
      expect([what, await peer.rest()]).toEqual([what, texts.map((text) => text + text).join("")]);
    }
    for (const [what, fake] of Object.entries(FAKE_BYTES)) {
      const [protocol, peer] = await connected(reactor);
      expect(() => protocol.transport.write(fake()), what).toThrow(TypeError);
      expect(() => protocol.transport.writeSequence(["not sent", fake()]), what).toThrow(TypeError);
      protocol.transport.write("sent");
      protocol.transport.loseConnection();
      expect([what, await peer.rest()]).toEqual([what, "sent"]);
    }
  });

  test("an empty write has no effect", async () => {
    const [protocol, peer] = await connected();
    protocol.transport.write("");
    protocol.transport.write(new Uint8Array(0));
    await immediate();
    protocol.transport.write("");
    protocol.transport.write("something");
    protocol.transport.write("");
    protocol.transport.loseConnection();
    expect(await peer.rest()).toBe("something");
  });

  test.each([
    ["undefined", undefined],
    ["null", null],
    ["a number", 5],
    ["an object", {}],
    ["an array of bytes", [104, 105]],
    ["an array of strings", ["hi"]],
    ["a boolean", true],
  ])("%s is refused with a TypeError that names what is taken", async (_name, wrong) => {
    const [protocol, peer] = await connected();
    const write = () => protocol.transport.write(wrong as unknown as Bytes);
    expect(write).toThrow(TypeError);
    expect(write).toThrow(/Uint8Array/);
    protocol.transport.write("right");
    expect(await peer.take(5)).toBe("right");
  });

  test.each([
    [
      "a property",
      (bytes: Uint8Array, length: () => number) => Object.defineProperty(bytes, "length", { get: length }),
    ],
    [
      "a subclass",
      (bytes: Uint8Array, length: () => number) => {
        class Liar extends Uint8Array {
          override get length(): number {
            return length();
          }
        }
        return new Liar(bytes);
      },
    ],
  ])("bytes whose length is overridden by %s send themselves, and nothing of another connection", async (_by, lie) => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new Recorder());
    const [peer, neighbour] = [await Peer.connect(port), await Peer.connect(port)];
    const protocols = [await next(), await next()];
    const mine = protocols.find(({ transport }) => transport.getPeer().port === peer.socket.localPort)!;
    const theirs = protocols.find((protocol) => protocol !== mine)!;
    const secret = "a secret of the neighbour's. ".repeat(2);
    let expected = 0;
    for (const [size, claim] of [
      [1, 60],
      [1, 3000],
      [1, 9000],
      [60, 3],
      [3000, 60],
      [9000, 1],
      [5, 0],
      [5, -5],
    ] as const) {
      theirs.transport.write(secret);
      let reads = 0;
      mine.transport.write(
        lie(new Uint8Array(size).fill(120), () => {
          if (reads++ === 0) theirs.transport.write(secret);
          return claim;
        }),
      );
      expected += size;
    }
    expect(await peer.take(expected)).toBe("x".repeat(expected));
    mine.transport.write("end");
    expect(await peer.take(3)).toBe("end");
    expect(await neighbour.take(8 * secret.length)).toBe(secret.repeat(8));
  });

  test("an uncaught TypeError of write() ends its connection, and no other", async () => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new Echo());
    const [peer, neighbour] = await Promise.all([Peer.connect(port), Peer.connect(port)]);
    const protocols = [await next(), await next()];
    const wronged = protocols.find(({ transport }) => transport.getPeer().port === peer.socket.localPort)!;
    wronged.dataReceived = () => wronged.transport.write(42 as unknown as Bytes);
    peer.write("?");
    expect(await wronged.lossError()).toBeInstanceOf(TypeError);
    neighbour.write("still here");
    expect(await neighbour.take(10)).toBe("still here");
    expect(takeLog()).toEqual([expect.stringMatching(/Echo threw.*TypeError/)]);
  });

  test("bytes written outside of the reactor's callbacks are sent", async () => {
    const [protocol, peer] = await connected();
    await immediate();
    protocol.transport.write("immediate ");
    expect(await peer.take(10)).toBe("immediate ");
    process.nextTick(() => protocol.transport.write("tick "));
    expect(await peer.take(5)).toBe("tick ");
    setTimeout(() => protocol.transport.write("timer "), 0);
    expect(await peer.take(6)).toBe("timer ");
    protocol.transport.write("promise");
    expect(await peer.take(7)).toBe("promise");
  });

  test("written bytes do not change when their memory is reused at once", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { reading: false, check });
    const protocol = await next();
    // Small pieces are copied, large ones handed to the kernel as far as it takes them.
    let sent = 0;
    for (const size of [1, 100, 4095, 4096, 70_000, 3, 2_000_000, 8192, 5_000_000]) {
      const piece = flow(size, sent);
      protocol.transport.write(piece);
      piece.fill(0xff);
      sent += size;
    }
    peer.read();
    await peer.arrived.reaches(sent);
    expect(check.firstWrong).toBe(-1);
  });

  test("100,000 small writes in one turn arrive whole and in order", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { check });
    const protocol = await next();
    const stream = flow(1_000_000);
    for (let at = 0; at < stream.length; at += 10) protocol.transport.write(stream.subarray(at, at + 10));
    await peer.arrived.reaches(stream.length);
    expect(check.firstWrong).toBe(-1);
  });
}, FAMILIES);
