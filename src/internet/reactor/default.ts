/** The default reactor, for programs that install none. */

import { printable } from "../../logger/printable.ts";
import { NativeLoadError } from "../error.ts";
import type { Reactor } from "../interfaces.ts";
import { ensureNoneInstalled, installReactor, preferredBackend } from "./installation.ts";
import { reactorNamed } from "./named.ts";
import { NativeReactor } from "./native.ts";
import { NodeReactor } from "./node.ts";

/**
 * Install the reactor that SKEIN_REACTOR names, or else the available one with the highest preference (see
 * native/backend/registry.cc). When the addon does not load, install the node reactor and emit the warning
 * SKEIN_NO_ADDON.
 * @throws ReactorAlreadyInstalledError | ReactorNotAvailableError
 * @throws NativeLoadError when SKEIN_REACTOR names one that needs the addon
 */
export function install(): void {
  ensureNoneInstalled();
  const wanted = process.env.SKEIN_REACTOR;
  installReactor(wanted ? reactorNamed(wanted, `SKEIN_REACTOR is ${printable(wanted)}. `) : best());
}

function best(): Reactor {
  try {
    return new NativeReactor(preferredBackend());
  } catch (error) {
    if (!(error instanceof NativeLoadError)) throw error;
    process.emitWarning(`Skein runs on Node's own sockets, which is slower. ${error.message}`, {
      code: "SKEIN_NO_ADDON",
    });
    return new NodeReactor();
  }
}
