/** The reactor over node:net sockets and Node's timers, for where the addon cannot be loaded. */

import { NodeEngine } from "../nodeengine/engine.ts";
import { EngineReactor } from "./engine.ts";
import { ensureNoneInstalled, installReactor } from "./installation.ts";
import { NodeLoop } from "./loop.ts";

/**
 * The reactor over node:net. It needs no addon, and costs more per message than the native reactors. With libuv before
 * 1.49 (Node 20), `reusePort` shares a port within one reactor only, not between processes or workers.
 */
export class NodeReactor extends EngineReactor {
  constructor() {
    const loop = new NodeLoop();
    super("node", (setup) => new NodeEngine(setup, loop), loop);
  }
}

/**
 * Make a NodeReactor the reactor of this process or worker.
 * @throws ReactorAlreadyInstalledError
 */
export function install(): void {
  ensureNoneInstalled();
  installReactor(new NodeReactor());
}
