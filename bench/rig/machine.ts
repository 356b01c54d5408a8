import { readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { serverNodeVersion } from "./node.ts";

/** Where figures were taken: enough to compare them, nothing that names the machine. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    kernel: `${process.platform} ${release()}`,
    node: serverNodeVersion(),
  };
}

/** The cores this process may use, as in /proc/self/status: "0-2,5" is 0, 1, 2 and 5. */
function allowedCores(): number[] {
  const list = statusField("self", "Cpus_allowed_list");
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/**
 * One core for the server and one for the load, so that neither moves nor shares; undefined on a machine with a single
 * core, where they have to.
 */
export const pinning: { readonly server: number; readonly load: number } | undefined = choosePinning();

function choosePinning(): typeof pinning {
  const [server, load] = allowedCores();
  return server === undefined || load === undefined ? undefined : { server, load };
}

/** A command that runs on `core` only. */
export function pinned(core: number | undefined, command: readonly string[]): readonly string[] {
  return core === undefined ? command : ["taskset", "-c", String(core), ...command];
}

/** A field of /proc/<pid>/status, see proc(5). */
export function statusField(pid: number | "self", field: string): string {
  const line = readFileSync(`/proc/${pid}/status`, "utf8")
    .split("\n")
    .find((text) => text.startsWith(`${field}:`));
  if (line === undefined) throw new Error(`/proc/${pid}/status has no ${field}: the bench needs Linux.`);
  return line.slice(field.length + 1).trim();
}
