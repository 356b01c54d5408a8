/** The closing rules, cell by cell, on connections with TLS: they are those of any other connection. */

import { type Cell, needsBallast, rigOf, testClosingTable } from "../helpers/closing-table.ts";
import { between, seeded } from "../helpers/random.ts";
import { chachaTLS, forEachTLSReactor, serveTLS, TLSPeer } from "../helpers/secure.ts";
import { seed, volume } from "../helpers/volume.ts";

const random = seeded(seed());

/** All of them. Where the gate does less, a part: of those without megabytes to encrypt on all reactors but one. */
function affordable(cells: readonly Cell[], thorough: boolean): Cell[] {
  const [costly, cheap] = [cells.filter(needsBallast), cells.filter((cell) => !needsBallast(cell))];
  return [...(thorough ? cheap : part(cheap)), ...part(costly)];
}

/** Neighbours, beginning with any of them. */
function part(cells: readonly Cell[]): Cell[] {
  const count = volume({ gate: cells.length, long: cells.length });
  const first = between(random, 0, cells.length);
  return [...cells.slice(first), ...cells.slice(0, first)].slice(0, count);
}

forEachTLSReactor((make, { reactor, thorough }) => {
  testClosingTable(
    async (protocol) => {
      const { port, listening } = serveTLS(make(), () => protocol as never, chachaTLS());
      const peer = await TLSPeer.secure(port, { reading: false });
      return rigOf(protocol, listening, peer, reactor);
    },
    (cells) => affordable(cells, thorough),
  );
});
