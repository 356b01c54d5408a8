/** The reactor over select(2), for every system. */

import { ensureNoneInstalled, installReactor } from "./installation.ts";
import { NativeReactor, type NativeReactorOptions } from "./native.ts";

/** The reactor over select(2). */
export class SelectReactor extends NativeReactor {
  /** @throws TypeError | RangeError for wrong options; NativeLoadError | ReactorNotAvailableError */
  constructor(options: NativeReactorOptions = {}) {
    super("select", options);
  }
}

/**
 * Make a SelectReactor the reactor of this process or worker.
 * @throws ReactorAlreadyInstalledError | ReactorNotAvailableError | NativeLoadError
 */
export function install(): void {
  ensureNoneInstalled();
  installReactor(new SelectReactor());
}
