/** The `skein` command: runs the subcommand, and turns its errors into a message and an exit code. */
import { readFileSync } from "node:fs";
import { SkeinError } from "../internet/error.ts";
import { describe } from "../logger/describe.ts";
import { say } from "../logger/output.ts";
import { reactors } from "./reactors.ts";
import { serve } from "./serve.ts";
import { parse, UsageError } from "./usage.ts";

const OK = 0;
const FAILED = 1;
const USAGE_ERROR = 2;

const HELP = `Usage: skein COMMAND [options]

Commands:
  serve SERVICE   run a built-in service, as in: skein serve chat --listen tcp:1234
  reactors        list the reactors, and which of them are available here

Options:
  -h, --help      show this text; skein COMMAND --help describes a command
  -V, --version   show the version

Exit code: 0 on success, 1 on failure, 2 when the command line is wrong.
`;

/** Run the command line. `args` are the arguments after the program's name. Resolves to the exit code. */
export async function run(args: string[]): Promise<number> {
  try {
    const [command, ...rest] = args;
    if (command === "serve") await serve(rest);
    else if (command === "reactors") reactors(rest);
    else if (command === "--help-reactors") reactors([]);
    else general(args);
    return OK;
  } catch (error) {
    if (error instanceof UsageError) {
      say(`skein: ${error.message}\n${error.hint}\n`, "stderr");
      return USAGE_ERROR;
    }
    say(`skein: ${error instanceof SkeinError ? error.message : describe(error)}\n`, "stderr");
    return FAILED;
  }
}

function general(args: string[]): void {
  const { values, positionals } = parse(
    {
      args,
      allowPositionals: true,
      options: { help: { type: "boolean", short: "h" }, version: { type: "boolean", short: "V" } },
    },
    "Try: skein --help",
  );
  if (positionals[0] !== undefined)
    throw new UsageError(`There is no command "${positionals[0]}"`, "Try: skein --help");
  if (values.version) say(`skein ${version()}\n`);
  else if (values.help) say(HELP);
  else throw new UsageError("No command given", "Try: skein --help");
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
