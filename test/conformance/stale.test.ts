/** Records that were on their way to a connection when it was closed, and another one has taken its descriptor. */

import { expect, test } from "vitest";
import type { NativeReactor } from "../../src/internet/nativereactor.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Client, dial, pair, Recorder, type Served, serve } from "../helpers/recorder.ts";

const ROUNDS = 10_000;

/** A client whose peer is known, and who it is. */
interface Line {
  readonly client: Recorder;
  readonly server: Recorder;
  readonly name: string;
}

/** Connect a client; the lowest free descriptor is the one that was closed last. */
async function line(reactor: NativeReactor, served: Served<Recorder>, name: string): Promise<Line> {
  const client = new Recorder();
  reactor.connectTCP("127.0.0.1", served.port, new Client(() => client));
  await client.made.promise;
  return { client, server: await served.next(), name };
}

forEachReactor((make) => {
  test("10,000 times, bytes on their way to a connection never reach the one that takes its descriptor", async () => {
    const reactor = make();
    const served = serve(reactor, () => new Recorder());
    const [killer, killersPeer] = await pair(reactor, new Recorder(), new Recorder());
    let victim = await line(reactor, served, "victim 0");
    let spared = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const { client, server, name } = victim;
      const successor = new Promise<Line>((resolve) => {
        killer.onData = () => {
          if (client.arrived.count > 0) spared++;
          client.transport.abortConnection();
          resolve(line(reactor, served, `victim ${round}`));
        };
      });
      // Both leave in this turn and arrive in the next. A descriptor that was ready lately may be told first, whichever
      // came first: once it was, a pass through the loop, from one setImmediate to the next, lets the kernel forget.
      for (let pass = 0; spared > 0 && pass < 2; pass++) await new Promise((resolve) => setImmediate(resolve));
      killersPeer.transport.write("x");
      server.transport.write(`bytes for ${name}`);
      victim = await successor;
      if (client.losses === 0) await client.lost.promise;
      expect(client.losses).toBe(1);
      expect(["", `bytes for ${name}`]).toContain(client.text);
      expect([victim.client.text, victim.server.text]).toEqual(["", ""]);
    }
    expect(spared, "rounds in which the bytes came first").toBeLessThan(ROUNDS / 2);
    victim.server.transport.write("mine");
    await victim.client.arrived.reaches(4);
    expect(victim.client.text).toBe("mine");
  });

  test("events that the kernel had ready for a descriptor are dropped when it is another connection's by then", async () => {
    /** Receives 32 KiB at a time once it is used to it: four of them fill the memory for a turn. */
    class Greedy extends Recorder {
      static override readonly borrows = true;
      protected override keep(): void {}
    }
    const reactor = make();
    const served = serve(reactor, () => new Recorder());
    const greedy = await Promise.all(Array.from({ length: 8 }, () => pair(reactor, new Greedy(), new Recorder())));
    const flood = Buffer.alloc(128 * 1024);
    for (const [, peer] of greedy) peer.transport.write(flood);
    await Promise.all(greedy.map(([client]) => client.arrived.reaches(flood.length)));
    for (let round = 1; round <= 200; round++) {
      const victim = await line(reactor, served, `victim ${round}`);
      let successor: Promise<Recorder> | undefined;
      for (const [client] of greedy) {
        client.onData = () => {
          if (successor !== undefined) return;
          victim.client.transport.abortConnection();
          successor = dial(reactor, served.port, new Recorder());
        };
      }
      const reached = greedy.map(([client]) => client.arrived.reaches(client.arrived.count + flood.length));
      for (const [, peer] of greedy) peer.transport.write(flood);
      victim.server.transport.write("for the victim");
      await Promise.all(reached);
      await victim.client.lost.promise;
      const heir = (await successor)!;
      await served.next();
      expect(heir.text).toBe("");
      expect(["", "for the victim"]).toContain(victim.client.text);
      heir.transport.abortConnection();
      await heir.lost.promise;
      expect([heir.text, heir.losses, victim.client.losses]).toEqual(["", 1, 1]);
    }
  });
});
