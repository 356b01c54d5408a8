/** The reactor of one simulated host. */

import { isIP } from "node:net";
import { check } from "../../internet/arguments/check.ts";
import { ensureRunOptions } from "../../internet/arguments/events.ts";
import { text } from "../../internet/arguments/kinds.ts";
import type { Deferred } from "../../internet/defer/deferred.ts";
import { fail, succeed } from "../../internet/defer/makers.ts";
import { DNSLookupError } from "../../internet/error.ts";
import { EngineReactor } from "../../internet/reactor/engine.ts";
import { type EngineNetwork, SIMULATED_SIZES, SimulatedEngine } from "./engine.ts";
import type { SimulatedLoop } from "./loop.ts";
import type { Machine } from "./machine.ts";

/** The network, with a look-up of hosts by name. */
export interface NamedHosts extends EngineNetwork {
  find(nameOrAddress: string): Machine | undefined;
}

/** A full reactor on simulated time and a simulated network. */
export class SimulatedReactor extends EngineReactor {
  private readonly network: NamedHosts;

  /** Created by its host. `found` gets the engine. */
  constructor(network: NamedHosts, host: Machine, loop: SimulatedLoop, found: (engine: SimulatedEngine) => void) {
    super(
      "simulated",
      (setup) => {
        const engine = new SimulatedEngine(network, host, setup);
        found(engine);
        return engine;
      },
      loop,
      SIMULATED_SIZES,
    );
    this.network = network;
  }

  /** There are no signals in a simulation. */
  override run(options: { installSignalHandlers?: boolean } = {}): Promise<void> {
    ensureRunOptions(options);
    return super.run({ installSignalHandlers: false });
  }

  /** Resolves the names of the simulation's hosts only. */
  override resolve(name: string): Deferred<string> {
    check("resolve(name)", "name", name, text);
    if (name === "") return succeed("0.0.0.0");
    if (isIP(name) !== 0) return succeed(name);
    if (name === "localhost") return succeed("127.0.0.1");
    const found = this.network.find(name);
    if (found !== undefined) return succeed(found.address);
    return fail(new DNSLookupError(`No host of the simulation is called "${name}": make it with sim.host("${name}").`));
  }
}
