/** Notes what no test should see while a hostile program runs: errors that nobody catches, log lines that cannot be shown. */
import { formatEventAsJSON, formatEventAsText, type LogEvent, setObserver } from "../../../src/logger/logger.ts";

const STRAYS = ["uncaughtException", "unhandledRejection"] as const;

/** While it is there, the program's log goes nowhere, and neither does what nobody catches. */
export class Watch {
  /** What is wrong. */
  readonly problems: string[] = [];
  /** Lines that were logged. */
  lines = 0;
  readonly #logBefore;
  readonly #before = STRAYS.map((event) => [event, process.listeners(event as "uncaughtException")] as const);

  constructor() {
    this.#logBefore = setObserver((event) => this.#observe(event));
    for (const event of STRAYS) {
      process.removeAllListeners(event);
      process.on(event, (error: unknown) => {
        this.problems.push(`${event}: ${shown(error)}`);
      });
    }
  }

  end(): void {
    setObserver(this.#logBefore);
    for (const [event, listeners] of this.#before) {
      process.removeAllListeners(event);
      for (const listener of listeners) process.on(event, listener);
    }
  }

  #observe(event: LogEvent): void {
    this.lines++;
    try {
      formatEventAsText(event);
      formatEventAsJSON(event);
    } catch (error) {
      this.problems.push(`a line of the log cannot be shown: ${shown(error)}`);
    }
  }
}

/** Whatever was thrown, for a report. */
export function shown(error: unknown): string {
  try {
    return error instanceof Error && typeof error.stack === "string" ? error.stack : String(error);
  } catch {
    return "(unprintable)";
  }
}
