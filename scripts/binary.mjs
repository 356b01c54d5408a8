// What can be read off a compiled addon, for any platform, without its platform's tools.
import { readFileSync } from "node:fs";
import { unprotected } from "./hardening.mjs";

/** An addon is loaded by every process: it stays small. */
const MOST_BYTES = 1_500_000;

/** Its size, the newest glibc it asks for (undefined when none), and what forbids to ship it. `root`: of the sources. */
export function inspect(file, root) {
  const bytes = readFileSync(file);
  const text = bytes.toString("latin1");
  const glibc = [...text.matchAll(/\bGLIBC_(\d+\.\d+(?:\.\d+)?)\0/g)].map((match) => match[1]).sort(byVersion);
  const faults = unprotected(bytes);
  if (bytes.length > MOST_BYTES) faults.push(`it has ${bytes.length} bytes, of ${MOST_BYTES} at most`);
  // The host defines the rest (napi_*, uv_*); what is ours and nowhere defined would be missed only when called.
  const missing = undefinedNames(bytes, text).filter((name) => name.includes("_ZN5skein"));
  if (missing.length > 0) faults.push(`undefined: ${missing.join(" ")}`);
  if (text.includes(root)) faults.push(`it tells where it was built: ${root}`);
  return { bytes: bytes.length, glibc: glibc.at(-1), faults };
}

function undefinedNames(bytes, text) {
  const MACH_O_64 = 0xfeedfacf;
  if (bytes.readUInt32LE(0) === MACH_O_64) return undefinedInMachO(bytes);
  // An ELF file is stripped and its visibility hidden: a name of ours that is left is one that nothing defines. A PE
  // file has no such names, its linker sees to them.
  return [...new Set([...text.matchAll(/_ZN5skein\w+/g)].map((match) => match[0]))];
}

/** See <mach-o/loader.h> and <mach-o/nlist.h>. */
function undefinedInMachO(bytes) {
  const [LC_SYMTAB, N_TYPE, N_UNDF] = [0x2, 0x0e, 0x0];
  let command = 32;
  while (bytes.readUInt32LE(command) !== LC_SYMTAB) command += bytes.readUInt32LE(command + 4);
  const [symbols, count, names] = [8, 12, 16].map((at) => bytes.readUInt32LE(command + at));
  const found = [];
  for (let symbol = symbols; symbol < symbols + count * 16; symbol += 16) {
    if ((bytes[symbol + 4] & N_TYPE) !== N_UNDF) continue;
    const name = names + bytes.readUInt32LE(symbol);
    found.push(bytes.toString("latin1", name, bytes.indexOf(0, name)));
  }
  return found;
}

function byVersion(a, b) {
  const [x, y] = [a, b].map((version) => version.split(".").map(Number));
  const differs = x.findIndex((part, i) => part !== y[i]);
  return differs < 0 ? 0 : x[differs] - (y[differs] ?? 0);
}
