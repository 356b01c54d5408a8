/** The closing rules, cell by cell, on the connections of each reactor. */

import { rigOf, testClosingTable } from "../helpers/closing-table.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { serve } from "../helpers/recorder.ts";

forEachReactor((make, { reactor }) => {
  testClosingTable(async (protocol) => {
    const { port, listening } = serve(make(), () => protocol);
    const peer = await Peer.connect(port, { reading: false });
    return rigOf(protocol, listening, peer, reactor);
  });
});
