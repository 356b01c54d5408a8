/** Runs a reactor until one function has finished. */
import { err } from "../../logger/log.ts";
import { check, checkOptions, type OptionKinds } from "../arguments/check.ts";
import { array, callable, flag, withMethods } from "../arguments/kinds.ts";
import type { Outcome } from "../defer/deferred.ts";
import { maybeDeferred } from "../defer/makers.ts";
import { SkeinError } from "../error.ts";
import { Failure } from "../failure.ts";
import type { Reactor, ReactorCore } from "../interfaces.ts";
import { installedReactor } from "../reactor/installation.ts";

/** Thrown to end a program under {@link react} with an exit code, without logging an error. */
export class SystemExit extends SkeinError {
  override readonly code: string = "ERR_SYSTEM_EXIT";
  /** 0 to 255; 0 is success. */
  readonly exitCode: number;

  constructor(exitCode = 0) {
    super(`The program asked to end with exit code ${exitCode}.`);
    this.exitCode = exitCode;
  }
}

/** The options of {@link react}. */
export interface ReactOptions<R extends ReactorCore> {
  /** Default: the installed reactor; when there is none, the platform's default is installed. */
  readonly reactor?: R;
  /** Default: sets `process.exitCode`, so that pending output is still written. */
  readonly exit?: (code: number) => void;
  /** See `reactor.run`. Default true. */
  readonly installSignalHandlers?: boolean;
}

const CALL = "react(main, argv, options)";
const OPTIONS: OptionKinds<ReactOptions<ReactorCore>> = {
  reactor: withMethods("a reactor", "run", "stop", "callWhenRunning", "addSystemEventTrigger"),
  exit: callable,
  installSignalHandlers: flag,
};

/**
 * Call `main(reactor, ...argv)`, run the reactor until the result is available, and set the exit code: 0 on success,
 * that of a SystemExit, or 1 for any other failure, which is logged. When the reactor is stopped earlier, by a signal
 * or by `main` itself, the result counts if it is available before the shutdown ends; otherwise the code is 0.
 * @returns resolves, with the exit code, once the reactor has stopped
 * @throws TypeError for wrong arguments; then nothing has begun
 */
export async function react<R extends ReactorCore = Reactor, A extends unknown[] = string[]>(
  main: (reactor: R, ...argv: A) => Outcome<unknown>,
  argv: A = [] as unknown[] as A,
  options: ReactOptions<R> = {},
): Promise<number> {
  check(CALL, "main", main, callable);
  check(CALL, "argv", argv, array);
  const checked = checkOptions<ReactOptions<R>>(CALL, options, OPTIONS);
  const reactor =
    checked.reactor ?? ((installedReactor() ?? (await import("../reactor/reactor.ts")).reactor) as ReactorCore as R);
  let code = 0;
  let stopping = false;
  reactor.addSystemEventTrigger("before", "shutdown", () => {
    stopping = true;
  });
  maybeDeferred(main, reactor, ...argv).addBoth((result) => {
    if (result instanceof Failure) code = exitCodeOf(result);
    if (!stopping) reactor.callWhenRunning(() => stop(reactor));
  });
  await reactor.run({ installSignalHandlers: checked.installSignalHandlers ?? true });
  (checked.exit ?? setExitCode)(code);
  return code;
}

function exitCodeOf(failure: Failure): number {
  if (failure.value instanceof SystemExit) return failure.value.exitCode;
  err(failure.value, "main function encountered error");
  return 1;
}

function stop(reactor: ReactorCore): void {
  // It may be stopped already.
  if (reactor.running) maybeDeferred(() => reactor.stop()).addErrback((failure) => failure.trap("ReactorNotRunning"));
}

function setExitCode(code: number): void {
  process.exitCode = code;
}
