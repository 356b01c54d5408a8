/** The closing rules, cell by cell, on the connections of each reactor. */

import { setImmediate } from "node:timers/promises";
import { testClosingTable } from "../helpers/closing-table.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { serve } from "../helpers/recorder.ts";

const MIB = 1024 * 1024;

forEachReactor((make, { reactor }) => {
  testClosingTable(async (protocol) => {
    const { port, listening } = serve(make(), () => protocol);
    const peer = await Peer.connect(port, { reading: false });
    let ended = false;
    peer.ended.then(() => {
      ended = true;
    });
    while (!protocol.connected) await setImmediate();
    await listening.stopListening();
    return {
      transport: protocol.transport,
      // Linux lets the send buffer of a connection grow to 4 MiB, and the receive buffer hardly while nobody reads.
      ballast: reactor === "simulated" ? MIB : 6 * MIB,
      received: () => peer.arrived.count,
      ended: () => ended,
      read: () => peer.read(),
      end: () => peer.end(),
      step: () => setImmediate(),
    };
  });
});
