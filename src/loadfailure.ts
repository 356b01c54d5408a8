/**
 * Diagnoses why the addon could not be loaded, for the message of a NativeLoadError.
 *
 * The cause is derived from the error of Node or the dynamic linker and from properties of the machine. Each cause has
 * its own sentence and its own remedies, the best first.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { AddonFileError } from "./addonfile.ts";

/** The properties of the machine on which the addon did not load. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** Node's version. */
  readonly node: string;
  /** On Linux, the C library: "musl", or glibc's version. */
  readonly libc: string | undefined;
  /** The permission model is in force. */
  readonly permission: boolean;
  /** The package's folder. */
  readonly root: string;
  /** The binaries that came with the package: "linux-x64/skein.glibc.node" and so on. */
  readonly binaries: readonly string[];
  /** How the package came: from the registry, as a checkout of the sources, or mixed into a bundle. */
  readonly form: "installed" | "checkout" | "bundle";
}

/** A cause, and its remedies. */
interface Diagnosis {
  readonly why: string;
  readonly ways: readonly string[];
}

/** The message for what was thrown when the addon of the package in `root` was loaded. */
export function explainLoadFailure(thrown: unknown, root: string): string {
  return explain(thrown, surroundings(root));
}

/** The same, on a machine as described. */
export function explain(thrown: unknown, here: Surroundings): string {
  const said = (thrown instanceof Error ? thrown.message : String(thrown)).trim().replace(/\s*\n\s*/g, " ");
  const { why, ways } = diagnose(said, (thrown as NodeJS.ErrnoException | null)?.code, here);
  return [
    `Skein's native engine for ${described(here)} could not be loaded: ${why}`,
    ...[...ways, onNodesSockets(here)].map((way, i) => `  ${i + 1}. ${way}`),
    thrown instanceof AddonFileError ? said : `Node said: ${said}`,
  ].join("\n");
}

function onNodesSockets({ permission }: Surroundings): string {
  const net = permission ? " From Node 25 on that needs --allow-net." : "";
  return `Do without it, more slowly: import "skein/nodereactor" and install() it first, or set SKEIN_REACTOR=node.${net}`;
}

function diagnose(said: string, code: string | undefined, here: Surroundings): Diagnosis {
  if (code === "ERR_DLOPEN_DISABLED") return forbidden(here);
  if (code === "ERR_ADDON_ABSENT") return absent(here);
  if (code === "ERR_ADDON_OUTSIDE") {
    return {
      why: "its file is a link that leads out of the package.",
      ways: ["Put the file itself there instead of the link, or install the package anew.", compile(here)],
    };
  }
  const glibc = /version [`']GLIBC_([\d.]+)' not found/.exec(said)?.[1];
  if (glibc !== undefined) {
    return {
      why: `the binary needs glibc ${glibc} or newer, and this system has ${here.libc ?? "an older one"}.`,
      ways: ["Move to a newer release of the distribution, or of the container's image.", compile(here)],
    };
  }
  if (/libstdc\+\+|GLIBCXX_|CXXABI_/.test(said)) {
    const add = here.libc === "musl" ? "apk add libstdc++" : "apt-get install libstdc++6, dnf install libstdc++";
    return {
      why: "the C++ library that the binary needs is missing here, or too old.",
      ways: [`Install it: ${add}.`, compile(here)],
    };
  }
  if (/ld-linux|ld-musl|libc\.musl|Error loading shared library|Error relocating|libc\.so: invalid ELF/.test(said)) {
    return {
      why: `the binary was made for another C library than this system's (${libcName(here)}).`,
      ways: [
        "Install the package anew on this system, not on another one from where node_modules is copied.",
        compile(here),
      ],
    };
  }
  if (
    /invalid ELF header|wrong ELF class|file too short|\.node: cannot open shared object file|incompatible architecture|not a mach-o|not a valid Win32/i.test(
      said,
    )
  ) {
    return {
      why: "the file is damaged, or was made for another system.",
      ways: [
        "Install the package anew on this system: node_modules copied from another one (into a container, say) does not fit.",
        compile(here),
      ],
    };
  }
  return { why: "its file is there, but was refused.", ways: [compile(here)] };
}

/** Node was started with --no-addons. */
function forbidden(here: Surroundings): Diagnosis {
  return here.permission
    ? {
        why: "Node's permission model forbids addons.",
        ways: [`Allow them: add --allow-addons, and --allow-fs-read=${join(here.root, "*")} if files are restricted.`],
      }
    : {
        why: "Node was started with --no-addons.",
        ways: ["Take --no-addons out of the command line and of NODE_OPTIONS."],
      };
}

/** No file fits, or none is to be seen. */
function absent(here: Surroundings): Diagnosis {
  const target = `${here.platform}-${here.arch}`;
  if (here.form === "bundle") {
    return {
      why: `a bundler moved the code away from its files: ${here.root} is not the package.`,
      ways: ['Leave the package out of the bundle: mark "skein" as external, and ship node_modules/skein with it.'],
    };
  }
  if (here.form === "checkout") {
    return { why: "these are the sources, and nothing was compiled.", ways: ["Compile it: npm ci && npm run build"] };
  }
  if (here.binaries.length === 0) {
    const unseen = here.permission
      ? [`Let Node read the package's files: add --allow-fs-read=${join(here.root, "*")} and --allow-addons.`]
      : [];
    return {
      why: `there is nothing to be read in ${join(here.root, "prebuilds")}.`,
      ways: [...unseen, "Install the package anew; whatever prunes node_modules must keep that folder.", compile(here)],
    };
  }
  const own = here.binaries.filter((file) => file.startsWith(`${target}/`));
  const why =
    own.length > 0
      ? `the package has no binary for ${target} with ${libcName(here)}, only ${own.join(", ")}.`
      : `the package has no binary for ${target}, only for ${platforms(here)}.`;
  return { why, ways: [compile(here)] };
}

function compile({ form, root }: Surroundings): string {
  return form === "checkout"
    ? "Compile it here: npm ci && npm run build"
    : `Compile it here (needs a C++20 compiler and CMake): npm install --no-save cmake-js && npx cmake-js compile --directory ${root}`;
}

function described({ platform, arch, node, libc }: Surroundings): string {
  const library = libc === undefined ? "" : `, ${libc === "musl" ? libc : `glibc ${libc}`}`;
  return `${platform}-${arch} (Node ${node}${library})`;
}

function libcName({ libc }: Surroundings): string {
  return libc === "musl" ? "musl" : "glibc";
}

function platforms({ binaries }: Surroundings): string {
  return [...new Set(binaries.map((file) => file.split("/")[0]))].join(", ");
}

function surroundings(root: string): Surroundings {
  const binaries = files(join(root, "prebuilds"));
  const form = !existsSync(join(root, "native"))
    ? "bundle"
    : existsSync(join(root, "binding.gyp"))
      ? "checkout"
      : "installed";
  return {
    platform: process.platform,
    arch: process.arch,
    node: process.versions.node,
    libc: process.platform === "linux" ? libc() : undefined,
    permission: "permission" in process && process.permission !== undefined,
    root,
    binaries: binaries.filter((file) => file.endsWith(".node")),
    form,
  };
}

/** The report names glibc's version where there is one. */
function libc(): string {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime ?? "musl";
}

function files(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => file.replaceAll("\\", "/"));
  } catch {
    return [];
  }
}
