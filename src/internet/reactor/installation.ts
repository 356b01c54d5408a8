/** The installed reactor of this process or worker, and the available ones. */

import { printable } from "../../logger/printable.ts";
import { type BackendInfo, loadNative } from "../../native.ts";
import { hasUnhandledFailures } from "../defer/unhandled.ts";
import { ReactorAlreadyInstalledError, ReactorInstalledTooLateError, ReactorNotAvailableError } from "../error.ts";
import type { Reactor } from "../interfaces.ts";
import { backendNamed } from "./backends.ts";

/** A reactor that knows whether work is pending that needs run(). */
interface WaitsForRun {
  waitsForRun(): boolean;
}

let installed: Reactor | undefined;
/** Whether the import of `skein/reactor` installed it. */
let byImport = false;

/** The installed reactor, if any. */
export function installedReactor(): Reactor | undefined {
  return installed;
}

/**
 * Install `reactor` as the one that `skein/reactor` exports. It cannot be replaced later.
 * @throws ReactorAlreadyInstalledError
 */
export function installReactor(reactor: Reactor): void {
  ensureNoneInstalled();
  installed = reactor;
  // Once per process, also where a test runner loads this module again for each file.
  const isWatched = process.listeners("beforeExit").some(({ name }) => name === warnIfNeverRun.name);
  if (!isWatched) process.once("beforeExit", warnIfNeverRun);
}

/**
 * For "beforeExit", which is emitted when the event loop is empty, not after process.exit() or an uncaught error. An error
 * that the program or a Deferred has kept is why run() was not called, and is told by itself.
 */
function warnIfNeverRun(): void {
  if ((installed as Partial<WaitsForRun> | undefined)?.waitsForRun?.() !== true) return;
  if (Number(process.exitCode ?? 0) !== 0 || hasUnhandledFailures()) return;
  process.emitWarning("reactor.run() was never called: nothing listens, connects or is called later before it.", {
    code: "SKEIN_NEVER_RUN",
  });
}

/** Called by `skein/reactor`, so that a later installation gets ReactorInstalledTooLateError. */
export function noteInstalledByImport(): void {
  byImport = true;
}

/** Check before creating a reactor to install. @throws ReactorAlreadyInstalledError */
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

/**
 * Check that the backend `name` is available, and return its name.
 * @param prefix the beginning of the error message
 * @throws ReactorNotAvailableError, NativeLoadError
 */
export function ensureAvailable(name: string, prefix = ""): string {
  const backends = loadNative().backends();
  const backend = backends.find((candidate) => candidate.name === name);
  if (backend?.unavailable === "") return name;
  const why = backend?.unavailable ?? backendNamed(name)?.elsewhere ?? "there is none of that name on this platform";
  throw new ReactorNotAvailableError(
    `${prefix}There is no ${printable(name)} reactor here: ${why}. ${whatThereIs(backends)}`,
  );
}

/** Backends with a lower preference are used only when a program asks for them by name. */
const DEFAULT_PREFERENCE_MIN = 100;

/** The available backend with the highest preference. @throws ReactorNotAvailableError, NativeLoadError */
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
