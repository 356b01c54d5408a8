/** The reactor over completion ports, for Windows. */

import { ensureNoneInstalled, installReactor } from "./installation.ts";
import { NativeReactor, type NativeReactorOptions } from "./native.ts";

/** The reactor over Windows' I/O completion ports. It does not support addReader() and addWriter(). */
export class IOCPReactor extends NativeReactor {
  /** @throws TypeError | RangeError for wrong options; NativeLoadError | ReactorNotAvailableError */
  constructor(options: NativeReactorOptions = {}) {
    super("iocp", options);
  }
}

/**
 * Make an IOCPReactor the reactor of this process or worker.
 * @throws ReactorAlreadyInstalledError | ReactorNotAvailableError | NativeLoadError
 */
export function install(): void {
  ensureNoneInstalled();
  installReactor(new IOCPReactor());
}
