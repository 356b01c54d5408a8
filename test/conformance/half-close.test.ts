import { expect, test } from "vitest";
import { codeOf, event, onEveryReactor, peer, Recorder, readAll } from "../helpers/bench.ts";

/** A protocol that is told of each half. */
class HalfRecorder extends Recorder {
  readConnectionLost(): void {
    this.note("read lost");
  }
  writeConnectionLost(): void {
    this.note("write lost");
  }
}

const MIB = 1024 * 1024;

onEveryReactor((start) => {
  test("loseWriteConnection ends the peer's reading and leaves ours open", async () => {
    const bench = start();
    const protocol = new HalfRecorder();
    const socket = await peer(bench.listen(() => protocol), { allowHalfOpen: true });
    await protocol.when(() => protocol.events.includes("made"));
    protocol.transport?.write("last");
    protocol.transport?.loseWriteConnection();
    protocol.transport?.write(" words");
    expect((await readAll(socket)).toString()).toBe("last words");
    socket.end("I hear you");
    await protocol.lost;
    expect(protocol.text).toBe("I hear you");
    expect(protocol.events).toEqual(["made", "write lost", "data", "read lost", "lost"]);
    expect(codeOf(protocol.reason)).toBe("ERR_CONNECTION_DONE");
  });

  test("after the peer's end we may go on writing: all of it arrives, and the end is told once", async () => {
    const bench = start();
    const protocol = new HalfRecorder();
    const socket = await peer(bench.listen(() => protocol), { allowHalfOpen: true });
    socket.end("question");
    await protocol.when(() => protocol.events.includes("read lost"));
    for (let i = 0; i < 64; i++) protocol.transport?.write(Buffer.alloc(MIB / 16, i));
    protocol.transport?.loseWriteConnection();
    const answer = await readAll(socket);
    expect(answer.length).toBe(4 * MIB);
    expect([answer[0], answer.at(-1)]).toEqual([0, 63]);
    await protocol.lost;
    expect(protocol.events.filter((name) => name === "read lost")).toHaveLength(1);
    expect(protocol.events.filter((name) => name === "write lost")).toHaveLength(1);
  });

  test("a protocol that knows no halves still gets its bytes out after the peer's end", async () => {
    const bench = start();
    const protocol = new Recorder();
    protocol.dataReceived = () => {
      for (let i = 0; i < 8; i++) protocol.transport?.write(Buffer.alloc(MIB, 120));
    };
    const socket = await peer(bench.listen(() => protocol), { allowHalfOpen: true });
    socket.end("GET");
    expect((await readAll(socket)).length).toBe(8 * MIB);
    await protocol.lost;
    expect(codeOf(protocol.reason)).toBe("ERR_CONNECTION_DONE");
  });

  test("loseConnection with 64 MiB queued to a slow reader delivers all, also while the peer sends", async () => {
    const bench = start();
    const protocol = new Recorder();
    protocol.connectionMade = () => {
      protocol.transport?.write(Buffer.alloc(64 * MIB, 97));
      protocol.transport?.loseConnection();
    };
    const socket = await peer(bench.listen(() => protocol), { allowHalfOpen: true });
    let received = 0;
    socket.on("data", (chunk: Buffer) => {
      received += chunk.length;
      socket.pause();
      socket.write("noise");
      setImmediate(() => socket.resume());
    });
    await event(socket, "end");
    socket.end();
    expect(received).toBe(64 * MIB);
    await protocol.lost;
    expect(codeOf(protocol.reason)).toBe("ERR_CONNECTION_DONE");
  });
});
