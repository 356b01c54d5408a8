/** `skein reactors`: lists the reactors, and which of them are available here. */
import { BACKENDS, backendNamed } from "../internet/reactor/backends.ts";
import { say } from "../logger/output.ts";
import { type BackendInfo, loadNative } from "../native.ts";
import { parse, UsageError } from "./usage.ts";

const HELP = `Usage: skein reactors [--json]

Lists the reactors: whether each is available on this machine, and if not why; how Node's event loop drives it; what it
can do; and which way TLS goes, and why. Choose one with --reactor NAME, with the environment's SKEIN_REACTOR=NAME, or by importing "skein/install/NAME".

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
  /** Which way TLS goes. */
  readonly tls: string;
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
  /** Why the native reactors have no TLS; "" when they have. */
  readonly noTls: string;
}

function rows({ backends, problem, noTls }: Found): Row[] {
  const best = backends.filter(({ unavailable }) => unavailable === "").sort((a, b) => b.preference - a.preference)[0];
  const native = backends
    .sort((a, b) => b.preference - a.preference)
    .map(({ name, unavailable, driver }) => row(name, unavailable, driver, name === best?.name, noTls));
  const others = BACKENDS.filter(({ name }) => backends.every((backend) => backend.name !== name));
  return [
    ...native,
    ...others.map(({ name, isHere, elsewhere = "not in this build" }) =>
      row(name, problem !== undefined && isHere ? "the addon does not load" : elsewhere, "", false, ""),
    ),
    row("node", "", "node", best === undefined, ""),
  ];
}

function found(): Found {
  try {
    const { backends, tls } = loadNative();
    return { backends: backends(), noTls: tls.load(process.versions.openssl ?? "") };
  } catch (error) {
    return { backends: [], problem: (error as Error).message, noTls: "" };
  }
}

function row(name: string, reason: string, driver: string, isDefault: boolean, noTls: string): Row {
  const traits = backendNamed(name);
  const capabilities: string[] = [traits?.reports ?? "no addon"];
  if (traits?.watchesDescriptors) capabilities.push("watches descriptors");
  const tls = reason !== "" ? "" : traits === undefined ? OVER_NODE : noTls === "" ? inEngine() : `no: ${noTls}`;
  return { name, available: reason === "", reason, default: isDefault, driver, capabilities, tls };
}

/** It has no addon, and so no way to the runtime's OpenSSL but that. */
const OVER_NODE = "over node:tls";

function inEngine(): string {
  return `in the engine, with OpenSSL ${process.versions.openssl} of ${runtimeName()}`;
}

function runtimeName(): string {
  return process.versions.bun !== undefined ? "Bun" : process.versions.deno !== undefined ? "Deno" : "Node";
}

function table(all: readonly Row[]): string {
  const header = ["reactor", "available", "driver", "capabilities", "TLS"];
  const lines = all.map((one) => [
    one.name,
    one.available ? (one.default ? "yes, the default" : "yes") : `no: ${one.reason}`,
    one.driver,
    one.available ? one.capabilities.join(", ") : "",
    one.tls,
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
