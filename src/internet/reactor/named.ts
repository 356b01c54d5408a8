/** Creates reactors by name. */

import type { Reactor } from "../interfaces.ts";
import { backendNamed } from "./backends.ts";
import { ensureAvailable } from "./installation.ts";
import { NativeReactor } from "./native.ts";
import { NodeReactor } from "./node.ts";

/**
 * A new reactor of that name or alias.
 * @param prefix the beginning of the error message
 * @throws ReactorNotAvailableError | NativeLoadError
 */
export function reactorNamed(wanted: string, prefix = ""): Reactor {
  const name = backendNamed(wanted)?.name ?? wanted;
  return name === "node" ? new NodeReactor() : new NativeReactor(ensureAvailable(name, prefix));
}
