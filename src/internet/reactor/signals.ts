/** The signals that ask a program to end, while a reactor runs. */

import { isMainThread } from "node:worker_threads";

const SIGNALS: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGINT", "SIGTERM", "SIGBREAK"] : ["SIGINT", "SIGTERM"];

/** Calls a function for each such signal between `install` and `remove`. In a worker no signal ever arrives. */
export class SignalHandlers {
  private readonly handle: (signal: NodeJS.Signals) => void;
  private installed = false;

  constructor(handle: (signal: NodeJS.Signals) => void) {
    this.handle = handle;
  }

  install(): void {
    if (this.installed || !isMainThread) return;
    this.installed = true;
    for (const signal of SIGNALS) process.on(signal, this.handle);
  }

  /** Without another listener in the program, the signals end the process again. */
  remove(): void {
    if (!this.installed) return;
    this.installed = false;
    for (const signal of SIGNALS) process.off(signal, this.handle);
  }
}

/** Send this process `signal` again: once nobody listens it dies of it, and its exit status tells (128 + n). */
export function raiseAgain(signal: NodeJS.Signals): void {
  // Windows: kill() knows no SIGBREAK. All that it sends to the own process there ends it.
  process.kill(process.pid, signal === "SIGBREAK" ? "SIGTERM" : signal);
}
