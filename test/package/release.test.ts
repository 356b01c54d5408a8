/** What goes with the tarball of a release: sums that agree with it, and the list of what it depends on. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyTree } from "../../scripts/tree.mjs";
import { ROOT, workplace } from "./tarball.ts";

const { folder, remove } = await workplace();
const tree = join(folder, "tree");
const read = (file: string) => readFileSync(join(tree, file));
const { name, version, dependencies = {} } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

beforeAll(() => {
  copyTree(tree);
  cpSync(join(ROOT, "prebuilds"), join(tree, "prebuilds"), { recursive: true });
  execFileSync(process.execPath, [join(tree, "scripts/package.mjs"), "--release"], { cwd: tree, stdio: "ignore" });
});
afterAll(remove);

test("SHA256SUMS has the tarball, the list of dependencies and each binary in the tarball", () => {
  const sums = read("SHA256SUMS").toString().trimEnd().split("\n");
  const files = sums.map((line) => line.split("  ")[1]!);
  expect(files.slice(0, 2)).toEqual([`${name}-${version}.tgz`, `${name}-${version}.cdx.json`]);
  const packed = execFileSync("tar", ["-tzf", join(tree, files[0]!)], { encoding: "utf8" });
  const binaries = packed.split("\n").filter((path) => path.endsWith(".node"));
  expect(files.slice(2).map((file) => `package/${file}`)).toEqual(binaries.sort());
  for (const [i, file] of files.entries()) {
    expect(sums[i]).toBe(`${createHash("sha256").update(read(file)).digest("hex")}  ${file}`);
  }
});

test("the list of dependencies has those of package.json, and none that only developers need", () => {
  const { bomFormat, components } = JSON.parse(read(`${name}-${version}.cdx.json`).toString()) as {
    bomFormat: string;
    components: { name: string; hashes?: { alg: string }[] }[];
  };
  expect(bomFormat).toBe("CycloneDX");
  expect(components.map((component) => component.name)).toEqual(Object.keys(dependencies));
  for (const { hashes = [] } of components) expect(hashes.map(({ alg }) => alg)).toContain("SHA-512");
});

test("nothing of it is part of the repository or the tarball", () => {
  const ignored = readFileSync(join(ROOT, ".gitignore"), "utf8");
  expect(ignored).toContain("SHA256SUMS");
  expect(readdirSync(tree).filter((file) => file.endsWith(".tgz"))).toHaveLength(1);
  expect(existsSync(join(ROOT, "SHA256SUMS"))).toBe(false);
});
