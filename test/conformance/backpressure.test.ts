import { expect, test } from "vitest";
import { Protocol } from "../../src/internet/protocol.ts";
import { codeOf, event, onEveryReactor, peer, Recorder, readAll, turn, until } from "../helpers/bench.ts";

const MIB = 1024 * 1024;

/** Writes until it is paused, up to a limit. */
class PushSource {
  paused = 0;
  resumed = 0;
  stopped = 0;
  written = 0;
  private going = true;
  private readonly to: Protocol;
  private readonly limit: number;

  constructor(to: Protocol, limit: number) {
    this.to = to;
    this.limit = limit;
  }

  produce(): void {
    while (this.going && this.written < this.limit) {
      this.written += 1000;
      this.to.transport?.write(Buffer.alloc(1000));
    }
    if (this.going && this.written >= this.limit) {
      this.to.transport?.unregisterProducer();
      this.to.transport?.loseConnection();
    }
  }
  pauseProducing(): void {
    this.paused++;
    this.going = false;
  }
  resumeProducing(): void {
    this.resumed++;
    this.going = true;
    this.produce();
  }
  stopProducing(): void {
    this.stopped++;
    this.going = false;
  }
}

onEveryReactor((start) => {
  test("a push producer is paused above the mark and resumed when all is sent", async () => {
    const bench = start();
    const protocol = new Recorder();
    const source = new PushSource(protocol, 8 * MIB);
    protocol.connectionMade = () => {
      protocol.transport?.registerProducer(source, true);
      source.produce();
    };
    const socket = await peer(bench.listen(() => protocol));
    await until(() => source.paused > 0);
    const held = source.written;
    expect(held).toBeLessThan(8 * MIB);
    await turn();
    expect(source.written).toBe(held);
    expect((await readAll(socket)).length).toBeGreaterThanOrEqual(8 * MIB);
    expect(source.resumed).toBeGreaterThan(0);
    await protocol.lost;
  });

  test("a pull producer is asked again each time its bytes are gone", async () => {
    const bench = start();
    const protocol = new Recorder();
    let asked = 0;
    const source = {
      resumeProducing() {
        protocol.transport?.write(Buffer.alloc(65_536, asked));
        if (++asked === 256) {
          protocol.transport?.unregisterProducer();
          protocol.transport?.loseConnection();
        }
      },
      stopProducing() {},
    };
    protocol.connectionMade = () => protocol.transport?.registerProducer(source, false);
    const socket = await peer(bench.listen(() => protocol));
    const received = await readAll(socket);
    expect(received.length).toBe(16 * MIB);
    expect([received[0], received[65_536], received.at(-1)]).toEqual([0, 1, 255]);
  });

  test("loseConnection waits for a pull producer, but not for a push producer that is not paused", async () => {
    const bench = start();
    const protocols = [new Recorder(), new Recorder()];
    const waiting = [...protocols];
    const port = bench.listen(() => waiting.shift() ?? null);
    const sockets = [await peer(port), await peer(port)];
    for (const socket of sockets) socket.resume();
    await protocols[1]!.when(() => protocols[1]!.events.includes("made"));
    const [pulled, pushed] = [protocols[0]!.transport!, protocols[1]!.transport!];
    const stopped: string[] = [];
    pulled.registerProducer({ resumeProducing() {}, stopProducing: () => stopped.push("pull") }, false);
    pushed.registerProducer(
      { pauseProducing() {}, resumeProducing() {}, stopProducing: () => stopped.push("push") },
      true,
    );
    pulled.loseConnection();
    pushed.loseConnection();
    await protocols[1]!.lost;
    expect(stopped).toEqual(["push"]);
    expect(protocols[0]!.reason).toBeUndefined();
    pulled.write("the rest");
    pulled.unregisterProducer();
    await protocols[0]!.lost;
    expect(stopped).toEqual(["push"]);
  });

  test("a second producer is refused, and one that comes too late is stopped", async () => {
    const bench = start();
    const protocol = new Recorder();
    const socket = await peer(bench.listen(() => protocol));
    await protocol.when(() => protocol.events.includes("made"));
    const source = new PushSource(protocol, 0);
    protocol.transport?.registerProducer(source, true);
    expect(() => protocol.transport?.registerProducer(source, true)).toThrow(/already/);
    socket.destroy();
    await protocol.lost;
    expect(source.stopped).toBe(1);
    protocol.transport?.registerProducer(source, true);
    expect(source.stopped).toBe(2);
  });

  test("a paused connection delivers nothing, and loses nothing", async () => {
    const bench = start();
    const protocol = new Recorder();
    const socket = await peer(bench.listen(() => protocol));
    await protocol.when(() => protocol.events.includes("made"));
    protocol.transport?.pauseProducing();
    socket.end(Buffer.alloc(MIB, 1));
    for (let i = 0; i < 50; i++) await turn();
    expect(protocol.events).toEqual(["made"]);
    protocol.transport?.resumeProducing();
    await protocol.lost;
    expect(protocol.bytes).toBe(MIB);
    expect(codeOf(protocol.reason)).toBe("ERR_CONNECTION_DONE");
  });

  test("bytes and an end that are on their way when another pauses the connection wait for it", async () => {
    const bench = start();
    const receivers: Recorder[] = [];
    const port = bench.listen(() => {
      const protocol = new Recorder();
      receivers.push(protocol);
      return protocol;
    });
    const sockets = [await peer(port), await peer(port)];
    await until(() => receivers.length === 2);
    // Whoever comes first in the turn pauses the other.
    const order: string[] = [];
    for (const [i, receiver] of receivers.entries()) {
      receiver.dataReceived = (data) => {
        order.push(`${i}:${data}`);
        if (order.length === 1) receivers[1 - i]!.transport!.pauseProducing();
      };
    }
    for (const socket of sockets) socket.end("bytes");
    await until(() => order.length === 1 && receivers.some((receiver) => receiver.reason !== undefined));
    for (let i = 0; i < 20; i++) await turn();
    const second = receivers.find((receiver) => receiver.reason === undefined)!;
    expect(order).toHaveLength(1);
    second.transport!.resumeProducing();
    expect(order).toHaveLength(1);
    await second.lost;
    expect(order).toHaveLength(2);
    expect(order[1]).toMatch(/:bytes$/);
  });

  test("a borrowed view passed to write arrives intact however slow the peer reads", async () => {
    const bench = start();
    class Relay extends Protocol {
      static override borrows = true;
      override dataReceived(data: Buffer): void {
        this.transport?.write(data);
      }
    }
    const socket = await peer(bench.listen(() => new Relay()));
    const sent = Buffer.alloc(16 * MIB);
    for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(i, i);
    socket.write(sent);
    const chunks: Buffer[] = [];
    let received = 0;
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      received += chunk.length;
      socket.pause();
      setImmediate(() => socket.resume());
    });
    await until(() => received === sent.length);
    expect(Buffer.concat(chunks).equals(sent)).toBe(true);
    const closed = event(socket, "close");
    socket.end();
    await closed;
  });
});
