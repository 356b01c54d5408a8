/** The reactor over io_uring(7), for Linux 6.1 and newer. */

import { ensureNoneInstalled, installReactor } from "./installation.ts";
import { NativeReactor, type NativeReactorOptions } from "./native.ts";

/**
 * The reactor over Linux's io_uring(7). A ring keeps the credentials of the process that created it: drop privileges
 * before.
 */
export class UringReactor extends NativeReactor {
  /** @throws TypeError | RangeError for wrong options; NativeLoadError | ReactorNotAvailableError */
  constructor(options: NativeReactorOptions = {}) {
    super("io_uring", options);
  }
}

/**
 * Make a UringReactor the reactor of this process or worker.
 * @throws ReactorAlreadyInstalledError | ReactorNotAvailableError | NativeLoadError
 */
export function install(): void {
  ensureNoneInstalled();
  installReactor(new UringReactor());
}
