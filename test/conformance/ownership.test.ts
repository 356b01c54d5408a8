/** Whose the received bytes are: a protocol's own for good, or lent to it for the call. */

import { expect, test } from "vitest";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { buffersHeld } from "../helpers/memory.ts";
import { Peer } from "../helpers/peer.ts";
import { between, type Random, seeded } from "../helpers/random.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Client, Echo, FlowRecorder, Recorder, serve } from "../helpers/recorder.ts";
import { seed, volume } from "../helpers/volume.ts";
import { loopback } from "../helpers/world.ts";

const MIB = 1024 * 1024;
const CONNECTIONS = 100;

/** Peers that send eight pieces each, all of which are kept. */
const PEERS = volume({ gate: 100, long: 1000 });
const SMALL_SIZES = [1, 1, 64, 65, 300];
const NOISE = flow(64 * 1024);
/** What reactors and sockets hold for themselves. */
const OWN_BYTES = 512 * 1024;

class Keeper extends Recorder {
  readonly pieces: Buffer[] = [];
  protected override keep(data: Buffer): void {
    this.pieces.push(data);
  }
}

class BorrowingEcho extends Echo {
  static override readonly borrows = true;
}

/** Mostly small, some of a few KiB, a few of up to 32 KiB: 100,000 of them are about 80 MB. */
function anySize(random: Random): number {
  const kind = random();
  if (kind < 0.9) return between(random, 1, 512);
  return kind < 0.98 ? between(random, 513, 4096) : between(random, 4097, 32 * 1024);
}

/** FNV-1a over 32 bits. */
function checksum(bytes: Buffer): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) sum = Math.imul(sum ^ bytes[i]!, 0x01000193);
  return sum;
}

forEachReactor((make, { thorough }) => {
  const KEPT = volume({ gate: thorough ? 100_000 : 20_000, long: 100_000 });

  test("received Buffers never change, whatever arrives or is done to other Buffers", async () => {
    const reactor = make();
    const random = seeded(seed());
    const kept: Buffer[] = [];
    const sums: number[] = [];
    const keep = (data: Buffer) => {
      // Each is its owner's: what one does to it must not show in its neighbours in memory.
      if (kept.length % 10 === 0) data.fill(kept.length);
      kept.push(data);
      sums.push(checksum(data));
    };
    const { port } = serve(reactor, () => {
      const protocol = new Recorder();
      protocol.dataReceived = (data) => {
        keep(data);
        protocol.transport.write("!");
      };
      return protocol;
    });
    // Bytes that are lent come through the same engine in between.
    const lending = serve(reactor, () => new BorrowingEcho());
    const done = new Promise<void>((resolve) => {
      const talk = () => {
        const protocol = new Recorder();
        const say = () => {
          if (kept.length >= KEPT) resolve();
          else protocol.transport.write(flow(anySize(random), between(random, 0, 65_000)));
        };
        protocol.onMade = say;
        protocol.dataReceived = say;
        return protocol;
      };
      for (let i = 0; i < CONNECTIONS; i++) reactor.connectTCP(loopback(), port, new Client(talk));
      for (let i = 0; i < 10; i++) reactor.connectTCP(loopback(), lending.port, new Client(talk));
    });
    await done;
    expect(kept.length).toBeGreaterThanOrEqual(KEPT);
    let changed = 0;
    for (const [i, data] of kept.entries()) if (checksum(data) !== sums[i]) changed++;
    expect(changed).toBe(0);
  });

  test("received bytes are Buffers in every respect", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    const received = new Promise<Buffer>((resolve) => {
      protocol.onData = resolve;
    });
    peer.write("Grüße");
    const data = await received;
    expect(Buffer.isBuffer(data)).toBe(true);
    expect(data.equals(Buffer.from("Grüße"))).toBe(true);
    expect([data.toString(), data.toString("hex"), data.subarray(0, 2).toString()]).toEqual([
      "Grüße",
      "4772c3bcc39f65",
      "Gr",
    ]);
    expect(Buffer.isBuffer(data.subarray(1))).toBe(true);
    expect(Buffer.concat([data, data])).toHaveLength(2 * data.length);
  });

  test("16 MiB lent to an echo protocol come back whole, however slowly they are read", async () => {
    const { port } = serve(make(), () => new BorrowingEcho());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { check });
    peer.socket.on("data", () => {
      peer.socket.pause();
      setImmediate(() => peer.socket.resume());
    });
    peer.end(flow(16 * MIB));
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([16 * MIB, -1]);
  });

  test("16 MiB lent to an echo protocol come back whole to a peer that reads only when all is sent", async () => {
    const { port } = serve(make(), () => new BorrowingEcho());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { reading: false, check });
    await new Promise<void>((resolve) => peer.socket.write(flow(16 * MIB), () => resolve()));
    peer.read();
    peer.end();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([16 * MIB, -1]);
  });

  test("lent bytes that arrived while their protocol was paused are intact when it resumes", async () => {
    class Lent extends Recorder {
      static override readonly borrows = true;
      readonly check = new FlowCheck();
      protected override keep(data: Buffer): void {
        this.check.take(data);
      }
    }
    const reactor = make();
    const protocols: Lent[] = [];
    const { port, next } = serve(reactor, () => {
      const protocol = new Lent();
      protocols.push(protocol);
      // Each pauses all the others, so that some have bytes on their way in that turn.
      protocol.onData = () => {
        for (const other of protocols) if (other !== protocol) other.transport.pauseProducing();
        setImmediate(() => {
          for (const other of protocols) other.transport.resumeProducing();
        });
      };
      return protocol;
    });
    const peers = await Promise.all(Array.from({ length: 4 }, () => Peer.connect(port)));
    await Promise.all(peers.map(() => next()));
    for (const peer of peers) peer.end(flow(MIB));
    await Promise.all(protocols.map(({ lost }) => lost.promise));
    expect(protocols.map(({ check }) => [check.at, check.firstWrong])).toEqual(Array(4).fill([MIB, -1]));
  });

  test("kept pieces hold at most four times their bytes and 1 KiB per connection", async () => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new Keeper());
    const noisy = serve(reactor, () => new FlowRecorder());
    const noise = await Peer.connect(noisy.port);
    const dropped = await noisy.next();
    const keepers: Keeper[] = [];
    const before = await buffersHeld();
    for (let i = 0; i < PEERS; i++) {
      const peer = await Peer.connect(port);
      const keeper = await next();
      const size = SMALL_SIZES[i % SMALL_SIZES.length]!;
      keepers.push(keeper);
      for (let count = 1; count <= 8; count++) {
        peer.write(flow(size));
        // What is not kept comes in between: kept pieces would share no memory if there were memory to share.
        noise.write(NOISE);
        await keeper.arrived.reaches(count * size);
        await dropped.arrived.reaches(8 * i * NOISE.length + count * NOISE.length);
      }
    }
    const held = (await buffersHeld()) - before;
    const bytes = keepers.reduce((sum, { arrived }) => sum + arrived.count, 0);
    expect(keepers.reduce((sum, { pieces }) => sum + Buffer.concat(pieces).length, 0)).toBe(bytes);
    expect(held).toBeLessThan(4 * bytes + 1024 * PEERS + OWN_BYTES);
  });

  test("protocols that borrow and protocols that own alternate on one port", async () => {
    const reactor = make();
    const kept: Buffer[] = [];
    let count = 0;
    const { port } = serve(reactor, () => {
      if (count++ % 2 === 0) return new BorrowingEcho();
      const owner = new Echo();
      owner.dataReceived = (data) => {
        kept.push(data);
        owner.transport.write(data);
      };
      return owner;
    });
    for (let round = 0; round < 20; round++) {
      const peers = await Promise.all(Array.from({ length: 10 }, () => Peer.connect(port)));
      const text = (i: number) => `round ${round}, peer ${i}`;
      for (const [i, peer] of peers.entries()) peer.end(text(i));
      expect(await Promise.all(peers.map((peer) => peer.rest()))).toEqual(peers.map((_, i) => text(i)));
    }
    expect(kept).toHaveLength(100);
    for (const data of kept) expect(data.toString()).toMatch(/^round \d+, peer \d$/);
    expect(new Set(kept.map(String)).size).toBe(100);
  });
});
