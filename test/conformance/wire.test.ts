/** The small protocols of wire.ts over real connections. */

import { expect, it } from "vitest";
import { Chargen, QOTD } from "../../src/protocols/wire.ts";
import { settled, until } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { FAMILIES, forEachReactor } from "../helpers/reactors.ts";
import { serve } from "../helpers/recorder.ts";

forEachReactor((make) => {
  it("Chargen writes endlessly to a peer that reads, and no more than the buffers hold to one that does not", async () => {
    let asked = 0;
    class Counting extends Chargen {
      override resumeProducing(): void {
        asked++;
        super.resumeProducing();
      }
    }
    const { port } = serve(make(), () => new Counting());
    const peer = await Peer.connect(port, { reading: false });
    await until(() => asked > 0);
    const held = await settled(() => asked);
    expect(held * 7030).toBeLessThan(16 * 1024 * 1024);
    peer.read();
    await peer.arrived.reaches(7030 * (held + 100));
    expect(asked).toBeGreaterThan(held);
    await peer.close();
  });

  it("QOTD sends its quote and closes", async () => {
    const { port } = serve(make(), () => new QOTD());
    const peer = await Peer.connect(port);
    expect(await peer.rest()).toBe("An apple a day keeps the doctor away.\r\n");
  });
}, FAMILIES);
