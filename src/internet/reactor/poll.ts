/** The reactor over poll(2), for every POSIX system. */

import { ensureNoneInstalled, installReactor } from "./installation.ts";
import { NativeReactor, type NativeReactorOptions } from "./native.ts";

/** The reactor over poll(2). */
export class PollReactor extends NativeReactor {
  /** @throws TypeError | RangeError for wrong options; NativeLoadError | ReactorNotAvailableError */
  constructor(options: NativeReactorOptions = {}) {
    super("poll", options);
  }
}

/**
 * Make a PollReactor the reactor of this process or worker.
 * @throws ReactorAlreadyInstalledError | ReactorNotAvailableError | NativeLoadError
 */
export function install(): void {
  ensureNoneInstalled();
  installReactor(new PollReactor());
}
