/** The reactor that a program gets when it chooses none. */

import { NativeLoadError } from "./error.ts";
import { ensureNoneInstalled, firstAvailable, installReactor } from "./installation.ts";
import type { Reactor } from "./interfaces.ts";
import { reactorNamed } from "./named.ts";
import { NativeReactor } from "./nativereactor.ts";
import { NodeReactor } from "./nodereactor.ts";

/** The best comes first. */
const PREFERENCES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ["epoll", "poll", "select"],
  darwin: ["kqueue", "poll", "select"],
  freebsd: ["kqueue", "poll", "select"],
  openbsd: ["kqueue", "poll", "select"],
  netbsd: ["kqueue", "poll", "select"],
  win32: ["iocp", "select"],
};
const ANY_POSIX: readonly string[] = ["poll", "select"];

/**
 * Install the reactor that SKEIN_REACTOR names, or else the first of the platform's list that works here. Where the addon
 * does not load, that is the one over Node's own sockets, and a warning (SKEIN_NO_ADDON) says what to do.
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
    return new NativeReactor(firstAvailable(PREFERENCES[process.platform] ?? ANY_POSIX));
  } catch (error) {
    if (!(error instanceof NativeLoadError)) throw error;
    process.emitWarning(`Skein runs on Node's own sockets, which is slower. ${error.message}`, {
      code: "SKEIN_NO_ADDON",
    });
    return new NodeReactor();
  }
}
