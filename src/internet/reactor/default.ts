/** The reactor that a program gets when it chooses none. */

import { NativeLoadError } from "../error.ts";
import type { Reactor } from "../interfaces.ts";
import { ensureNoneInstalled, installReactor, preferredBackend } from "./installation.ts";
import { reactorNamed } from "./named.ts";
import { NativeReactor } from "./native.ts";
import { NodeReactor } from "./node.ts";

/**
 * Install the reactor that SKEIN_REACTOR names, or else the one that the addon prefers of those that work here
 * (native/backend/registry.cc has the preferences). Where the addon does not load, that is the one over Node's own
 * sockets, and a warning (SKEIN_NO_ADDON) says what to do.
 * @throws ReactorAlreadyInstalledError | ReactorNotAvailableError
 * @throws NativeLoadError when SKEIN_REACTOR names one that needs the addon
 */
export function install(): void {
  ensureNoneInstalled();
  const wanted = process.env.SKEIN_REACTOR;
  installReactor(wanted ? reactorNamed(wanted, `SKEIN_REACTOR is ${wanted}. `) : best());
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
