/** The reactor of this process or worker. Importing this installs the default one, unless one is installed. */

import type { Reactor } from "../interfaces.ts";
import { install } from "./default.ts";
import { installedReactor, noteInstalledByImport } from "./installation.ts";

if (installedReactor() === undefined) {
  install();
  noteInstalledByImport();
}

/** The reactor of this process or worker. */
export const reactor: Reactor = installedReactor()!;
