/** The tarball in an empty project, on a machine on which nothing can be compiled. */
import { readFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareMachine, emptyProject, npm, pack, ROOT, run, succeeded, workplace } from "./tarball.ts";

const { folder, remove } = await workplace();
let tarball: string;
let bare: string;

beforeAll(async () => {
  tarball = (await pack(folder)).file;
  bare = await bareMachine(folder);
});
afterAll(remove);

const node = (project: string, ...args: string[]) => run(process.execPath, args, project, { PATH: bare });

describe.each([
  ["blocked", "--ignore-scripts=true"],
  ["allowed", "--ignore-scripts=false"],
])("with install scripts %s and no compiler", (name, scripts) => {
  const project = () => join(folder, name);

  async function works(): Promise<void> {
    // Nothing was compiled: it is the packed binary that runs.
    expect(await readdir(join(project(), "node_modules/skein"))).not.toContain("build");
    for (const program of ["echo.mjs", "echo.cjs"]) {
      expect(await succeeded(node(project(), program))).toMatch(/^\w+: Hello, net!\n$/);
    }
  }

  test("`npm install` of it works, for ECMAScript modules and for CommonJS", async () => {
    await emptyProject(project());
    await succeeded(npm(["install", scripts, tarball], project(), bare));
    await works();
  });

  test("`npm ci` works from the lockfile that it wrote", async () => {
    const lock = JSON.parse(readFileSync(join(project(), "package-lock.json"), "utf8"));
    expect(lock.packages["node_modules/skein"].hasInstallScript).toBeUndefined();
    await rm(join(project(), "node_modules"), { recursive: true });
    await succeeded(npm(["ci", scripts], project(), bare));
    await works();
  });

  test("the installed command runs", async () => {
    const version = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;
    expect(await succeeded(node(project(), "node_modules/.bin/skein", "--version"))).toContain(version);
  });
});
