/** The reactor that a program gets when it chooses none. */

import { NativeLoadError } from "./error.ts";
import { ensureAvailable, ensureNoneInstalled, firstAvailable, installReactor } from "./installation.ts";
import type { Reactor } from "./interfaces.ts";
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

/** Other names, after the modules. */
const ALIASES: Readonly<Record<string, string>> = { uring: "io_uring", kq: "kqueue" };

/**
 * Install the reactor that SKEIN_REACTOR names, or else the first of the platform's list that works here. Where the addon
 * does not load, that is the one over Node's own sockets, and a warning (SKEIN_NO_ADDON) says what to do.
 * @throws ReactorAlreadyInstalledError | ReactorNotAvailableError
 * @throws NativeLoadError when SKEIN_REACTOR names one that needs the addon
 */
export function install(): void {
  ensureNoneInstalled();
  const wanted = process.env.SKEIN_REACTOR;
  installReactor(wanted ? named(wanted) : best());
}

function named(wanted: string): Reactor {
  const name = ALIASES[wanted] ?? wanted;
  if (name === "node") return new NodeReactor();
  return new NativeReactor(ensureAvailable(name, `, which SKEIN_REACTOR=${wanted} asks for`));
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
