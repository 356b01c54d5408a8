// `npm run build:native`: the addon for this machine, by node-gyp, into build/Release. Only what has changed is compiled,
// on all cores, and through ccache where that is installed. The other trees in build/ stay.
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const program = fileURLToPath(import.meta.resolve("node-gyp/bin/node-gyp.js"));
const args = ["configure", "build", "--silent", `--jobs=${availableParallelism()}`];
const { status } = spawnSync(process.execPath, [program, ...args], {
  cwd: root,
  stdio: "inherit",
  env: { ...compiler(), ...process.env },
});
process.exitCode = status ?? 1;

/** Elsewhere the compiler has another name, and a compiler that the environment names is taken as it is. */
function compiler() {
  if (process.platform !== "linux" || spawnSync("ccache", ["--version"]).status !== 0) return {};
  return { CXX: "ccache g++" };
}
