/** The signals that stop a running reactor. */

import { createRequire } from "node:module";

const SIGNALS: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGINT", "SIGTERM", "SIGBREAK"] : ["SIGINT", "SIGTERM"];

/** Calls a function for each such signal between `install` and `remove`. Workers never receive signals. */
export class SignalHandlers {
  private readonly handle: (signal: NodeJS.Signals) => void;
  private installed = false;

  constructor(handle: (signal: NodeJS.Signals) => void) {
    this.handle = handle;
  }

  install(): void {
    if (this.installed || !isMainThread()) return;
    this.installed = true;
    for (const signal of SIGNALS) process.on(signal, this.handle);
  }

  /** Without other listeners, the signals have their default action again. */
  remove(): void {
    if (!this.installed) return;
    this.installed = false;
    for (const signal of SIGNALS) process.off(signal, this.handle);
  }
}

/**
 * Send `signal` to this process again: without a listener it terminates the process, whose exit status is then 128 + n.
 */
export function raiseAgain(signal: NodeJS.Signals): void {
  // Windows: kill() does not support SIGBREAK, and any signal sent to the own process terminates it.
  process.kill(process.pid, signal === "SIGBREAK" ? "SIGTERM" : signal);
}

/** Loaded when a reactor runs: it would take a sixth of the time in which Skein is imported. */
function isMainThread(): boolean {
  const require = createRequire(import.meta.url);
  return (require("node:worker_threads") as typeof import("node:worker_threads")).isMainThread;
}
