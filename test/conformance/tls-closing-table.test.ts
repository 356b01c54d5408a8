/** The closing rules, cell by cell, on connections with TLS: they are those of any other connection. */

import { setImmediate } from "node:timers/promises";
import { type Cell, needsBallast, testClosingTable } from "../helpers/closing-table.ts";
import { between, seeded } from "../helpers/random.ts";
import { forEachTLSReactor, serveTLS, TLSPeer } from "../helpers/secure.ts";
import { seed, volume } from "../helpers/volume.ts";

const MIB = 1024 * 1024;
const random = seeded(seed());

/** All of them; where the gate does less, only some of those in which megabytes are encrypted. */
function affordable(cells: readonly Cell[]): Cell[] {
  const costly = cells.filter(needsBallast);
  const count = volume({ gate: costly.length, long: costly.length });
  const first = between(random, 0, costly.length);
  const left = new Set(Array.from({ length: count }, (_, i) => costly[(first + i) % costly.length]));
  return cells.filter((cell) => !needsBallast(cell) || left.has(cell));
}

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
  }, affordable);
});
