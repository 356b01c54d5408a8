/** The reactor that a program gets when it chooses none. */

import { ensureAvailable, ensureNoneInstalled, firstAvailable, installReactor } from "./installation.ts";
import { NativeReactor } from "./nativereactor.ts";

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
 * Install the first reactor of the platform's list that works here, or the one that SKEIN_REACTOR names.
 * @throws ReactorAlreadyInstalledError | ReactorNotAvailableError | NativeLoadError
 */
export function install(): void {
  ensureNoneInstalled();
  const wanted = process.env.SKEIN_REACTOR;
  const name = wanted ? ensureAvailable(wanted) : firstAvailable(PREFERENCES[process.platform] ?? ANY_POSIX);
  installReactor(new NativeReactor(name));
}
