/** Which reactor this process, or this worker, has; and which ones it could have. */

import { type BackendInfo, loadNative } from "../../native.ts";
import { ReactorAlreadyInstalledError, ReactorInstalledTooLateError, ReactorNotAvailableError } from "../error.ts";
import type { Reactor } from "../interfaces.ts";

/** A reactor that can tell whether there is work that only run() begins. */
interface WaitsForRun {
  waitsForRun(): boolean;
}

let installed: Reactor | undefined;
/** The import of `skein/reactor` has installed it. */
let byImport = false;

/** The reactor of this process or worker, once there is one. */
export function installedReactor(): Reactor | undefined {
  return installed;
}

/**
 * Make `reactor` the one that `skein/reactor` exports, for good.
 * @throws ReactorAlreadyInstalledError
 */
export function installReactor(reactor: Reactor): void {
  ensureNoneInstalled();
  installed = reactor;
  // Once a process, also where a test runner loads this module anew for each of its files.
  const isWatched = process.listeners("beforeExit").some(({ name }) => name === warnIfNeverRun.name);
  if (!isWatched) process.once("beforeExit", warnIfNeverRun);
}

/** The process ends because nothing keeps it alive, not by process.exit() or an error. */
function warnIfNeverRun(): void {
  if ((installed as Partial<WaitsForRun> | undefined)?.waitsForRun?.() !== true) return;
  process.emitWarning("reactor.run() was never called: nothing listens, connects or is called later before it.", {
    code: "SKEIN_NEVER_RUN",
  });
}

/** For the import of `skein/reactor`: who installs another one from here on comes too late. */
export function noteInstalledByImport(): void {
  byImport = true;
}

/** For those who are about to make a reactor in order to install it. @throws ReactorAlreadyInstalledError */
export function ensureNoneInstalled(): void {
  if (byImport) {
    throw new ReactorInstalledTooLateError(
      `This comes too late: the import of "skein/reactor" has installed the default reactor, ${installed?.name}, which stays. ` +
        `Place the import that installs another, as in import "skein/install/NAME", before it; in CommonJS, require it before.`,
    );
  }
  if (installed !== undefined) {
    throw new ReactorAlreadyInstalledError(
      `The ${installed.name} reactor is installed already, and stays. To choose another, install it before the first ` +
        `import of "skein/reactor", as in: import "skein/install/NAME".`,
    );
  }
}

/** Where the reactors are that not every build of the addon has. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  epoll: "epoll is Linux's",
  kqueue: "kqueue is macOS' and the BSDs'",
  iocp: "completion ports are Windows'",
  io_uring: "io_uring is Linux's, from 6.1 on",
  poll: "Windows has no poll()",
};

/**
 * The `name` of a backend that works here.
 * @param prefix what the message begins with, when there is more to say
 * @throws ReactorNotAvailableError, NativeLoadError
 */
export function ensureAvailable(name: string, prefix = ""): string {
  const backends = loadNative().backends();
  const backend = backends.find((candidate) => candidate.name === name);
  if (backend?.unavailable === "") return name;
  const why = backend?.unavailable ?? ELSEWHERE[name] ?? "there is none of that name on this platform";
  throw new ReactorNotAvailableError(`${prefix}There is no ${name} reactor here: ${why}. ${whatThereIs(backends)}`);
}

/** A backend of a lower preference is used only when a program asks for it by name. */
const DEFAULT_PREFERENCE_MIN = 100;

/** The backend with the highest preference that works here. @throws ReactorNotAvailableError, NativeLoadError */
export function preferredBackend(): string {
  const backends = loadNative().backends();
  const candidates = backends
    .filter(({ preference }) => preference >= DEFAULT_PREFERENCE_MIN)
    .toSorted((a, b) => b.preference - a.preference);
  const best = candidates.find(({ unavailable }) => unavailable === "");
  if (best !== undefined) return best.name;
  const names = candidates.map(({ name }) => name).join(", ");
  throw new ReactorNotAvailableError(
    `None of the reactors of this platform (${names}) works here. ${whatThereIs(backends)}`,
  );
}

function whatThereIs(backends: readonly BackendInfo[]): string {
  const available = backends.filter(({ unavailable }) => unavailable === "").map(({ name }) => name);
  if (available.length > 0) return `Available: ${available.join(", ")}, node.`;
  const reasons = backends.map(({ name, unavailable }) => `${name}: ${unavailable}`);
  return `Available: only node (${reasons.join("; ") || "the addon was built without any other"}).`;
}
