/** Parses the command line, and reports errors in it. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { SkeinError } from "../internet/error.ts";

/** The command line is wrong: `message` says what is wrong, `hint` how to correct it. */
export class UsageError extends SkeinError {
  override readonly code: string = "ERR_USAGE";
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** util.parseArgs(), whose errors become UsageErrors. */
export function parse<T extends ParseArgsConfig>(config: T, hint: string): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (!code.startsWith("ERR_PARSE_ARGS_")) throw error;
    // The first sentence says what is wrong; the others are about parseArgs() itself.
    throw new UsageError(message.split(/[.\n]\s/, 1)[0]!, hint);
  }
}
