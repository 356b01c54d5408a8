/** Which file is loaded as the addon: none outside the package, whatever the environment and links say. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AddonFileError, addonFile, libcFamily } from "../../src/addonfile.ts";

const RELEASE = "build/Release/skein.node";
const [platform, arch] = ["linux", process.arch] as const;
const GLIBC = `prebuilds/${platform}-${arch}/skein.glibc.node`;

let folder: string;
let root: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "skein-addon-")));
  root = join(folder, "skein");
  mkdirSync(root);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function put(path: string, below = root, text = "an addon"): string {
  mkdirSync(dirname(join(below, path)), { recursive: true });
  writeFileSync(join(below, path), text);
  return join(below, path);
}

const codeOf = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    expect(error).toBeInstanceOf(AddonFileError);
    return (error as AddonFileError).code;
  }
};

describe.runIf(process.platform === "linux")("on Linux with glibc", () => {
  test("it is what was compiled in the package, and else the prebuilt one of this platform", () => {
    put(GLIBC);
    put("prebuilds/linux-mips/skein.glibc.node");
    put(GLIBC.replace("glibc", "musl"));
    put(GLIBC.replace(".glibc", ""));
    expect(addonFile(root)).toBe(join(root, GLIBC));
    put(RELEASE);
    expect(addonFile(`${root}/`)).toBe(join(root, RELEASE));
  });

  test("no other name and no other folder is taken", () => {
    put("build/Release/other.node");
    put("build/Debug/skein.node");
    put(GLIBC.replace("skein.glibc", "other"));
    put(GLIBC.replace("glibc", "musl"));
    put(GLIBC, folder);
    expect(codeOf(() => addonFile(root))).toBe("ERR_ADDON_ABSENT");
    expect(() => addonFile(root)).toThrow(`neither ${join(root, RELEASE)} nor ${join(root, GLIBC)}`);
  });

  test("no variable of the environment has a say", () => {
    put(GLIBC);
    put(GLIBC.replace("glibc", "musl"));
    put(RELEASE, join(folder, "elsewhere"));
    vi.stubEnv("SKEIN_PREBUILD", join(folder, "elsewhere"));
    vi.stubEnv("LIBC", "musl");
    vi.stubEnv("npm_config_arch", "mips");
    vi.stubEnv("npm_config_platform", "win32");
    vi.stubEnv("ARM_VERSION", "6");
    expect(addonFile(root)).toBe(join(root, GLIBC));
    put(RELEASE);
    vi.stubEnv("PREBUILDS_ONLY", "1");
    expect(addonFile(root)).toBe(join(root, RELEASE));
  });

  test.each<[string, () => void]>([
    [
      "the file is a link",
      () => {
        put("build/Release/x.node");
        symlinkSync(put("evil.node", folder), join(root, RELEASE));
      },
    ],
    [
      "a folder is a link",
      () => {
        put(RELEASE, join(folder, "elsewhere"));
        symlinkSync(join(folder, "elsewhere/build"), join(root, "build"));
      },
    ],
    [
      "a link leads to a folder whose name begins as the package's does",
      () => {
        put(RELEASE, `${root}-evil`);
        symlinkSync("../skein-evil/build", join(root, "build"));
      },
    ],
  ])("a file outside the package is refused when %s", (_how, make) => {
    put(GLIBC);
    make();
    expect(codeOf(() => addonFile(root))).toBe("ERR_ADDON_OUTSIDE");
  });

  test("links inside the package, and to it, are followed", () => {
    put(GLIBC);
    mkdirSync(join(root, "build"));
    symlinkSync(`../prebuilds/linux-${arch}`, join(root, "build/Release"));
    symlinkSync("skein.glibc.node", join(root, `prebuilds/linux-${arch}/skein.node`));
    symlinkSync(root, join(folder, "linked"));
    expect(addonFile(join(folder, "linked"))).toBe(join(root, GLIBC));
  });
});

describe("the C library of a Linux program", () => {
  /** The beginning of an ELF program of 64 bits that names a dynamic linker. */
  function program(linker: string): string {
    const bytes = Buffer.alloc(512);
    bytes.write("\x7fELF\x02\x01", "latin1");
    bytes.writeBigUInt64LE(64n, 32);
    bytes.writeUInt16LE(56, 54);
    bytes.writeUInt16LE(2, 56);
    bytes.writeUInt32LE(1, 64);
    bytes.writeUInt32LE(3, 120);
    bytes.writeBigUInt64LE(256n, 128);
    bytes.writeBigUInt64LE(BigInt(linker.length), 152);
    bytes.write(linker, 256, "latin1");
    const file = join(folder, "program");
    writeFileSync(file, bytes);
    return file;
  }

  test.each([
    ["/lib/ld-musl-x86_64.so.1", "musl"],
    ["/lib64/ld-linux-x86-64.so.2", "glibc"],
    ["/nix/store/abc-musl-1.2.5/lib/ld-musl-aarch64.so.1", "musl"],
  ])("is told by its dynamic linker: %s is %s's", (linker, libc) => {
    expect(libcFamily(program(linker))).toBe(libc);
  });

  test.runIf(process.platform === "linux").each([
    ["is not there", () => join(folder, "none")],
    ["is a script", () => put("script")],
    ["is cut short", () => put("short", folder, "\x7fELF\x02\x01")],
  ])("is told by Node's report when the program %s", (_how, make) => {
    expect(libcFamily(make())).toBe(libcFamily());
  });
});
