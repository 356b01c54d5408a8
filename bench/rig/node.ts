/** Which Node runs the servers that are measured: the one that runs the bench, or another version. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./root.ts";

let program = process.execPath;
let version = process.versions.node;

/**
 * Have servers run under Node `asked`: a whole version, or its beginning as in "24". It may be fetched from the npm
 * registry. What is measured inside the bench's own process still runs under the bench's Node.
 */
export async function useNode(asked: string): Promise<void> {
  const nodes = pathToFileURL(join(root, "scripts", "nodes.mjs")).href;
  const { nodeProgram, wholeVersion } = (await import(nodes)) as typeof import("../../scripts/nodes.mjs");
  version = wholeVersion(asked);
  program = nodeProgram(version);
}

/** The program that starts a server. */
export function serverNode(): string {
  return program;
}

export function serverNodeVersion(): string {
  return version;
}
