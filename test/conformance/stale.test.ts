/** Records that were on their way to a connection when it was closed, and another one has taken its descriptor. */

import { expect, test } from "vitest";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { turns } from "../helpers/gate.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Client, pair, Recorder, type Served, serve } from "../helpers/recorder.ts";
import { volume } from "../helpers/volume.ts";
import { loopback } from "../helpers/world.ts";

/** A client whose peer is known, and who it is. */
interface Line {
  readonly client: Recorder;
  readonly server: Recorder;
  readonly name: string;
}

/** Connect a client; the lowest free descriptor is the one that was closed last. */
async function line(reactor: EngineReactor, served: Served<Recorder>, name: string): Promise<Line> {
  const client = new Recorder();
  reactor.connectTCP(loopback(), served.port, new Client(() => client));
  await client.made.promise;
  return { client, server: await served.next(), name };
}

forEachReactor((make, { thorough }) => {
  const ROUNDS = volume({ gate: thorough ? 10_000 : 1_000, long: 10_000 });
  const FULL_ROUNDS = volume({ gate: thorough ? 200 : 50, long: 2_000 });

  test("bytes in flight to a connection never reach the one that reuses its descriptor, repeatedly", async () => {
    const reactor = make();
    const served = serve(reactor, () => new Recorder());
    const lines = [await line(reactor, served, "a"), await line(reactor, served, "b")] as [Line, Line];
    for (let round = 1; round <= ROUNDS; round++) {
      // Bytes for both leave in this turn; who is told first aborts the other, and has a successor take its place.
      let victim: 0 | 1 | undefined;
      const successor = new Promise<Line>((resolve) => {
        for (const [i, { client }] of lines.entries()) {
          client.onData = () => {
            if (victim !== undefined) return;
            victim = i === 0 ? 1 : 0;
            lines[victim].client.transport.abortConnection();
            resolve(line(reactor, served, `${round}`));
          };
        }
      });
      for (const { server, name } of lines) server.transport.write(`for ${name};`);
      const heir = await successor;
      const { client, name } = lines[victim!];
      await client.lost.promise;
      // One comparison a round: four expect() would take longer than the round itself.
      const seen = [client.losses, client.text.replaceAll(`for ${name};`, ""), heir.client.calls, heir.server.calls];
      if (seen.join() !== "1,,connectionMade,connectionMade") {
        expect(seen, `in round ${round}`).toEqual([1, "", ["connectionMade"], ["connectionMade"]]);
      }
      lines[victim!] = heir;
    }
    for (const { client, server, name } of lines) {
      server.transport.loseConnection();
      await client.lost.promise;
      expect(client.text.replaceAll(`for ${name};`, "")).toBe("");
    }
  });

  test("events that were ready for a descriptor are dropped when another connection reuses it", async () => {
    /** Receives 32 KiB at a time once it is used to it: four of them fill the memory for a turn, which is told early. */
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
    // epoll(7) reports in the order of arrival, and only rounds with a stale event count there: in some the bytes of the
    // others come late. Elsewhere the victim's event may come first, and is no longer there.
    const isOver = (rounds: number) => {
      if (reactor.name !== "epoll") return rounds === FULL_ROUNDS;
      return reactor.stats().stale >= FULL_ROUNDS || rounds === 20 * FULL_ROUNDS;
    };
    for (let round = 1; !isOver(round - 1); round++) {
      const victim = await line(reactor, served, `victim ${round}`);
      await turns(2);
      let turn = 0;
      let successor: Promise<Line> | undefined;
      for (const [client] of greedy) {
        client.onData = () => {
          const now = reactor.stats().turns;
          if (turn === 0) {
            // Now the bytes for the victim stand behind those that the others still have to come.
            turn = now;
            victim.server.transport.write("for the victim");
          } else if (turn !== now && successor === undefined) {
            victim.client.transport.abortConnection();
            successor = line(reactor, served, `heir ${round}`);
          }
        };
      }
      const reached = greedy.map(([client]) => client.arrived.reaches(client.arrived.count + flood.length));
      for (const [, peer] of greedy) peer.transport.write(flood);
      await Promise.all(reached);
      await victim.client.lost.promise;
      const heir = (await successor)!.client;
      expect(["", "for the victim"]).toContain(victim.client.text);
      heir.transport.abortConnection();
      await heir.lost.promise;
      expect([heir.text, heir.losses, victim.client.losses]).toEqual(["", 1, 1]);
    }
    if (reactor.name === "epoll") expect(reactor.stats().stale).toBeGreaterThanOrEqual(FULL_ROUNDS);
  });
});
