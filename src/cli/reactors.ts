/** `skein reactors`: lists the reactors, and which of them are available here. */
import { BACKENDS, backendNamed } from "../internet/reactor/backends.ts";
import { say } from "../logger/output.ts";
import { type BackendInfo, loadNative } from "../native.ts";
import { parse, UsageError } from "./usage.ts";

const HELP = `Usage: skein reactors [--json]

Lists the reactors: whether each is available on this machine, and if not why; how Node's event loop drives it; what it
can do. Choose one with --reactor NAME, with the environment's SKEIN_REACTOR=NAME, or by importing "skein/install/NAME".

Options:
      --json  print JSON
  -h, --help  show this text
`;

interface Row {
  readonly name: string;
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason: string;
  /** The reactor that is used when none is chosen. */
  readonly default: boolean;
  readonly driver: string;
  readonly capabilities: readonly string[];
}

/** Print the reactors, the preferred one first. @throws UsageError */
export function reactors(args: string[]): void {
  const { values, positionals } = parse(
    { args, allowPositionals: true, options: { json: { type: "boolean" }, help: { type: "boolean", short: "h" } } },
    "Try: skein reactors --help",
  );
  if (positionals[0] !== undefined) {
    throw new UsageError(`reactors takes no "${positionals[0]}"`, "Try: skein reactors --help");
  }
  if (values.help) say(HELP);
  else if (values.json) say(`${JSON.stringify(rows(found()), null, 2)}\n`);
  else {
    const what = found();
    say(table(rows(what)) + (what.problem === undefined ? "" : `\n${what.problem}\n`));
  }
}

interface Found {
  readonly backends: BackendInfo[];
  /** The reason why the addon does not load. */
  readonly problem?: string;
}

function rows({ backends, problem }: Found): Row[] {
  const best = backends.filter(({ unavailable }) => unavailable === "").sort((a, b) => b.preference - a.preference)[0];
  const native = backends
    .sort((a, b) => b.preference - a.preference)
    .map(({ name, unavailable, driver }) => row(name, unavailable, driver, name === best?.name));
  const others = BACKENDS.filter(({ name }) => backends.every((backend) => backend.name !== name));
  return [
    ...native,
    ...others.map(({ name, isHere, elsewhere = "not in this build" }) =>
      row(name, problem !== undefined && isHere ? "the addon does not load" : elsewhere, "", false),
    ),
    row("node", "", "node", best === undefined),
  ];
}

function found(): Found {
  try {
    return { backends: loadNative().backends() };
  } catch (error) {
    return { backends: [], problem: (error as Error).message };
  }
}

function row(name: string, reason: string, driver: string, isDefault: boolean): Row {
  const traits = backendNamed(name);
  const capabilities: string[] = [traits?.reports ?? "no addon"];
  if (traits?.watchesDescriptors) capabilities.push("watches descriptors");
  return { name, available: reason === "", reason, default: isDefault, driver, capabilities };
}

function table(all: readonly Row[]): string {
  const header = ["reactor", "available", "driver", "capabilities"];
  const lines = all.map((one) => [
    one.name,
    one.available ? (one.default ? "yes, the default" : "yes") : `no: ${one.reason}`,
    one.driver,
    one.available ? one.capabilities.join(", ") : "",
  ]);
  const widths = header.map((_, i) => Math.max(...[header, ...lines].map((line) => line[i]!.length)));
  return [header, ...lines]
    .map(
      (line) =>
        `${line
          .map((text, i) => text.padEnd(widths[i]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
