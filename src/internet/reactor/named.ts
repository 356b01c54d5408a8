/** A reactor by its name, as people write it. */

import type { Reactor } from "../interfaces.ts";
import { ensureAvailable } from "./installation.ts";
import { NativeReactor } from "./native.ts";
import { NodeReactor } from "./node.ts";

/** Other names, after the modules. */
const ALIASES: Readonly<Record<string, string>> = { uring: "io_uring", kq: "kqueue" };

/**
 * A new reactor of that name.
 * @param prefix what the message begins with when there is none
 * @throws ReactorNotAvailableError | NativeLoadError
 */
export function reactorNamed(wanted: string, prefix = ""): Reactor {
  const name = ALIASES[wanted] ?? wanted;
  return name === "node" ? new NodeReactor() : new NativeReactor(ensureAvailable(name, prefix));
}
