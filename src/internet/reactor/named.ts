/** Creates reactors by name. */

import type { Reactor } from "../interfaces.ts";
import { ensureAvailable } from "./installation.ts";
import { NativeReactor } from "./native.ts";
import { NodeReactor } from "./node.ts";

/** Aliases, after the module names. */
const ALIASES: Readonly<Record<string, string>> = { uring: "io_uring", kq: "kqueue" };

/**
 * A new reactor of that name.
 * @param prefix the beginning of the error message
 * @throws ReactorNotAvailableError | NativeLoadError
 */
export function reactorNamed(wanted: string, prefix = ""): Reactor {
  const name = ALIASES[wanted] ?? wanted;
  return name === "node" ? new NodeReactor() : new NativeReactor(ensureAvailable(name, prefix));
}
