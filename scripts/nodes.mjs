// Other versions of Node, as packages of the npm registry.
import { join } from "node:path";
import { packed } from "./packed.mjs";

/** The newest of each line that the package supports beside the oldest one. */
export const VERSIONS = ["22.23.3", "24.21.0", "26.10.0"];

/** The whole version that `asked` begins: "24" is the newest of its line here, or the Node that runs this if it is of that line. */
export function wholeVersion(asked) {
  const known = [process.versions.node, ...VERSIONS];
  const found = known.find((version) => version === asked || version.startsWith(`${asked}.`));
  if (found !== undefined) return found;
  if (/^\d+\.\d+\.\d+$/.test(asked)) return asked;
  throw new RangeError(`There is no Node ${asked} here; name a whole version, or the beginning of ${known.join(", ")}.`);
}

/** The program of `version`: this one, or that of a package which is unpacked into the cache of packed.mjs. */
export function nodeProgram(version) {
  if (version === process.versions.node) return process.execPath;
  const windows = process.platform === "win32";
  const program = windows ? "bin/node.exe" : "bin/node";
  const name = `node-${windows ? "win" : process.platform}-${process.arch}`;
  return join(packed(`${name}@${version}`, [program]), program);
}
