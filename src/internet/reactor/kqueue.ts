/** The reactor over kqueue(2), for macOS and the BSDs. */

import { ensureNoneInstalled, installReactor } from "./installation.ts";
import { NativeReactor, type NativeReactorOptions } from "./native.ts";

/** The reactor over the BSDs' kqueue(2). */
export class KQueueReactor extends NativeReactor {
  /** @throws TypeError | RangeError for wrong options; NativeLoadError | ReactorNotAvailableError */
  constructor(options: NativeReactorOptions = {}) {
    super("kqueue", options);
  }
}

/**
 * Make a KQueueReactor the reactor of this process or worker.
 * @throws ReactorAlreadyInstalledError | ReactorNotAvailableError | NativeLoadError
 */
export function install(): void {
  ensureNoneInstalled();
  installReactor(new KQueueReactor());
}
