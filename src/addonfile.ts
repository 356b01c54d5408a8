/**
 * Finds the file of the addon, inside the package and nowhere else: neither the environment nor the directory of Node's
 * program nor the working directory has a say, since whoever names that file runs code in this process.
 *
 *     build/Release/skein.node                   what was compiled here: in a checkout, or on request in an installed package
 *     prebuilds/<platform>-<arch>/skein.node     what came with the package, in prebuildify's layout;
 *     prebuilds/linux-<arch>/skein.<libc>.node   on Linux one for each C library, glibc or musl
 */
import { closeSync, openSync, readSync, realpathSync } from "node:fs";
import { join, sep } from "node:path";

/** There is no file of the addon in the package, or it leads out of the package. */
export class AddonFileError extends Error {
  readonly code: "ERR_ADDON_ABSENT" | "ERR_ADDON_OUTSIDE";
  constructor(code: AddonFileError["code"], message: string) {
    super(message);
    this.name = "AddonFileError";
    this.code = code;
  }
}

/** The addon's file in the package whose folder is `root`, as an absolute path without links. @throws AddonFileError */
export function addonFile(root: string): string {
  const candidates = ["build/Release/skein.node", prebuilt()].map((file) => join(root, file));
  for (const file of candidates) {
    const real = resolved(file);
    if (real === undefined) continue;
    if (real.startsWith(realpathSync.native(root) + sep)) return real;
    throw new AddonFileError("ERR_ADDON_OUTSIDE", `${file} leads out of the package, to ${real}.`);
  }
  throw new AddonFileError("ERR_ADDON_ABSENT", `There is neither ${candidates.join(" nor ")}.`);
}

function prebuilt(): string {
  const { platform, arch } = process;
  const name = platform === "linux" ? `skein.${libcFamily()}.node` : "skein.node";
  return join("prebuilds", `${platform}-${arch}`, name);
}

/** The file without links; undefined when there is none, or the permission model hides it. */
function resolved(file: string): string | undefined {
  try {
    // Not realpathSync(): under the permission model that wants to read every folder on the way.
    return realpathSync.native(file);
  } catch {
    return undefined;
  }
}

/** The C library of this Linux process: that whose dynamic linker its program names. */
export function libcFamily(program: string = process.execPath): "glibc" | "musl" {
  return (interpreter(program) ?? libcOfReport()).includes("musl") ? "musl" : "glibc";
}

/** What stands in for the dynamic linker where the program cannot be read: Node's report, which takes milliseconds. */
function libcOfReport(): string {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined ? "musl" : "glibc";
}

/** Bytes of a program in which the names of its segments are: its headers, and what the linker puts right behind them. */
const HEAD_BYTES = 4096;

/** The dynamic linker (PT_INTERP) of an ELF program of 64 bits, little-endian as Linux on x64 and arm64; see elf(5). */
function interpreter(program: string): string | undefined {
  const [PHOFF, PHENTSIZE, PHNUM] = [32, 54, 56];
  const [OFFSET, SIZE, PT_INTERP] = [8, 32, 3];
  try {
    const head = headOf(program);
    if (head.toString("latin1", 0, 6) !== "\x7fELF\x02\x01") return undefined;
    const first = Number(head.readBigUInt64LE(PHOFF));
    for (let i = 0; i < head.readUInt16LE(PHNUM); i++) {
      const header = first + i * head.readUInt16LE(PHENTSIZE);
      if (head.readUInt32LE(header) !== PT_INTERP) continue;
      const at = Number(head.readBigUInt64LE(header + OFFSET));
      const end = at + Number(head.readBigUInt64LE(header + SIZE));
      return end <= head.length ? head.toString("latin1", at, end) : undefined;
    }
  } catch {
    // It cannot be read, or is shorter than it says.
  }
  return undefined;
}

function headOf(file: string): Buffer {
  const fd = openSync(file, "r");
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}
