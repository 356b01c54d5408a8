// `npm run build`: the addon and dist/, side by side: tsc keeps one core busy, and compilers take the others.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const scripts = ["build-native.mjs", "build-ts.mjs"];
const ends = await Promise.all(
  scripts.map((script) => {
    const file = fileURLToPath(new URL(script, import.meta.url));
    return once(spawn(process.execPath, [file], { stdio: "inherit" }), "exit");
  }),
);
process.exitCode = ends.every(([status]) => status === 0) ? 0 : 1;
