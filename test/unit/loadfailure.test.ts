/** What is said for each cause, in the words of the linkers and runtimes that report it. */
import { describe, expect, test } from "vitest";
import { AddonFileError } from "../../src/addonfile.ts";
import { explain, type Surroundings } from "../../src/loadfailure.ts";

const HERE: Surroundings = {
  platform: "linux",
  arch: "x64",
  node: "20.20.2",
  libc: "2.36",
  permission: false,
  root: "/app/node_modules/skein",
  binaries: ["linux-x64/skein.glibc.node", "linux-arm64/skein.glibc.node", "win32-x64/skein.node"],
  form: "installed",
};
const ABSENT = new AddonFileError(
  "ERR_ADDON_ABSENT",
  "There is neither /app/build/Release/skein.node nor /app/skein.node.",
);
const FILE = "/app/node_modules/skein/prebuilds/linux-x64/skein.glibc.node";

const said = (thrown: string | AddonFileError, here: Partial<Surroundings> = {}, code?: string) =>
  explain(typeof thrown === "string" ? Object.assign(new Error(thrown), { code }) : thrown, { ...HERE, ...here });

const COMPILE = "npx cmake-js compile --directory /app/node_modules/skein";

describe("each cause has its sentence and its remedies", () => {
  test.each<[string, string, string[]]>([
    [
      "no binary for the platform",
      said(ABSENT, { platform: "freebsd", libc: undefined }),
      ["freebsd-x64 (Node 20.20.2)", "no binary for freebsd-x64, only for linux-x64, linux-arm64, win32-x64.", COMPILE],
    ],
    [
      "no binary for musl",
      said(ABSENT, { libc: "musl" }),
      ["linux-x64 (Node 20.20.2, musl)", "with musl, only linux-x64/skein.glibc.node.", COMPILE],
    ],
    [
      "a glibc that is too old",
      said(`/lib64/libc.so.6: version \`GLIBC_2.34' not found (required by ${FILE})`, { libc: "2.28" }),
      ["needs glibc 2.34 or newer, and this system has 2.28.", "newer release of the distribution", COMPILE],
    ],
    [
      "a C++ library that is too old",
      said(`/lib64/libstdc++.so.6: version \`GLIBCXX_3.4.30' not found (required by ${FILE})`),
      ["C++ library", "apt-get install libstdc++6", COMPILE],
    ],
    [
      "Alpine without the C++ library",
      said(`Error loading shared library libstdc++.so.6: No such file or directory (needed by ${FILE})`, {
        libc: "musl",
      }),
      ["C++ library", "apk add libstdc++", COMPILE],
    ],
    [
      "a glibc binary on musl",
      said(`Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by ${FILE})`, {
        libc: "musl",
      }),
      ["another C library than this system's (musl).", "Install the package anew", COMPILE],
    ],
    [
      "a musl binary on glibc",
      said("/lib/x86_64-linux-gnu/libc.so: invalid ELF header"),
      ["another C library than this system's (glibc).", "Install the package anew", COMPILE],
    ],
    [
      "a binary of another architecture on macOS",
      said(`dlopen(${FILE}, 0x0001): tried: '${FILE}' (mach-o file, but is an incompatible architecture)`, {
        platform: "darwin",
        libc: undefined,
      }),
      ["damaged, or was made for another system", "Install the package anew", COMPILE],
    ],
    [
      "a damaged file on Windows",
      said("\\\\?\\C:\\skein.node is not a valid Win32 application.", { platform: "win32", libc: undefined }),
      ["damaged, or was made for another system", "Install the package anew", COMPILE],
    ],
    [
      "--no-addons",
      said("Cannot load native addon because loading addons is disabled.", {}, "ERR_DLOPEN_DISABLED"),
      ["Node was started with --no-addons.", "Take --no-addons out"],
    ],
    [
      "the permission model",
      said("Cannot load native addon because loading addons is disabled.", { permission: true }, "ERR_DLOPEN_DISABLED"),
      ["permission model forbids addons", "--allow-addons", "--allow-fs-read=/app/node_modules/skein/*", "--allow-net"],
    ],
    [
      "a folder that the permission model hides",
      said(ABSENT, { permission: true, binaries: [] }),
      ["nothing to be read in /app/node_modules/skein/prebuilds", "--allow-fs-read=/app/node_modules/skein/*", COMPILE],
    ],
    [
      "a folder that was pruned",
      said(ABSENT, { binaries: [] }),
      ["nothing to be read in /app/node_modules/skein/prebuilds", "must keep that folder", COMPILE],
    ],
    [
      "a bundle",
      said(ABSENT, { form: "bundle", root: "/app" }),
      ["/app is not the package", 'mark "skein" as external'],
    ],
    [
      "a link that leads out of the package",
      said(new AddonFileError("ERR_ADDON_OUTSIDE", "skein.node leads out of the package, to /tmp/skein.node.")),
      ["a link that leads out of the package", "Put the file itself there", COMPILE, "to /tmp/skein.node."],
    ],
    ["a checkout", said(ABSENT, { form: "checkout" }), ["nothing was compiled", "npm ci && npm run build"]],
    ["what nobody foresaw", said("undefined symbol: napi_new"), ["was refused", COMPILE, "undefined symbol: napi_new"]],
  ])("%s", (_cause, message, parts) => {
    let at = 0;
    for (const part of parts) {
      expect(message.slice(at)).toContain(part);
      at = message.indexOf(part, at);
    }
  });
});

test("the remedies are numbered, one per line, and the last is to do without the engine", () => {
  const lines = said(ABSENT, { platform: "freebsd", libc: undefined }).split("\n");
  const numbered = lines.filter((line) => /^ {2}\d\. /.test(line));
  expect(numbered.map((line) => line.trim()[0])).toEqual(["1", "2"]);
  expect(numbered.at(-1)).toContain("SKEIN_REACTOR=node");
  expect(lines).toEqual([expect.stringMatching(/^Skein's native engine/), ...numbered, ABSENT.message]);
});

test("the cause need not be an Error", () => {
  expect(explain("refused", HERE)).toContain("Node said: refused");
});
