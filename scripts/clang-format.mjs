// Formats every C++ file of ours in place, or with --check only says which are not formatted.
import { spawnSync } from "node:child_process";

const files = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.h", "*.cc"], {
  encoding: "utf8",
})
  .stdout.split("\n")
  .filter((file) => file !== "");
const mode = process.argv.includes("--check") ? ["--dry-run", "--Werror"] : ["-i"];
process.exitCode = spawnSync("npx", ["clang-format", ...mode, ...files], { stdio: "inherit" }).status ?? 1;
