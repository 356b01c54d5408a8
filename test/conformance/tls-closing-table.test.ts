/** The closing rules, cell by cell, on connections with TLS: they are those of any other connection. */

import { setImmediate } from "node:timers/promises";
import { testClosingTable } from "../helpers/closing-table.ts";
import { forEachTLSReactor, serveTLS, TLSPeer } from "../helpers/secure.ts";

const MIB = 1024 * 1024;

forEachTLSReactor((make, { reactor }) => {
  testClosingTable(async (protocol) => {
    const { port, listening } = serveTLS(make(), () => protocol as never);
    const peer = await TLSPeer.secure(port, { reading: false });
    let ended = false;
    peer.ended.then(() => {
      ended = true;
    });
    while (!protocol.connected) await setImmediate();
    await listening.stopListening();
    return {
      transport: protocol.transport,
      ballast: reactor === "simulated" ? MIB : 6 * MIB,
      received: () => peer.arrived.count,
      ended: () => ended,
      read: () => peer.read(),
      end: () => peer.end(),
      step: () => setImmediate(),
    };
  });
});
