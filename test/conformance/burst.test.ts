/** Very many connections, one after the other and at the same time. */

import { expect, test } from "vitest";
import { Tally } from "../helpers/gate.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Client, Echo, Recorder, serve } from "../helpers/recorder.ts";
import { volume } from "../helpers/volume.ts";
import { loopback } from "../helpers/world.ts";

/** As many at a time: each is two descriptors of this process. */
const WAVE = 500;

forEachReactor((make, { thorough }) => {
  const CONNECTIONS = volume({ gate: thorough ? 10_000 : 2_000, long: 50_000 });

  test("connections that arrive in bursts are all answered", async () => {
    const reactor = make();
    const { factory, port } = serve(reactor, () => new Echo(), { backlog: WAVE });
    const answered = new Set<string>();
    const ended = new Tally();
    const failed: unknown[] = [];
    for (let made = 0; made < CONNECTIONS; made += WAVE) {
      const wave = Math.min(WAVE, CONNECTIONS - made);
      for (let i = made; i < made + wave; i++) {
        const protocol = new Recorder();
        const question = `question ${i}`;
        protocol.onMade = () => protocol.transport.write(question);
        protocol.onData = () => {
          if (protocol.arrived.count < question.length) return;
          answered.add(protocol.text);
          protocol.transport.loseConnection();
        };
        protocol.onLost = () => ended.add();
        const client = new Client(() => protocol);
        client.onFailed = (_connector, reason) => {
          failed.push(reason.value);
          ended.add();
        };
        reactor.connectTCP(loopback(), port, client);
      }
      await ended.reaches(made + wave);
      expect(failed).toEqual([]);
    }
    expect(answered.size).toBe(CONNECTIONS);
    await Promise.all(factory.built.map(({ lost }) => lost.promise));
    expect(factory.built).toHaveLength(CONNECTIONS);
    expect(factory.built.every(({ losses }) => losses === 1)).toBe(true);
  });
});
