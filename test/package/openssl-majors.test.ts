/** The workflow that says when a release of Node brings an OpenSSL that the engine does not know. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { complaints, knownMajors } from "../../scripts/openssl-majors.mjs";
import { ROOT } from "./tarball.ts";

/** As in https://nodejs.org/dist/index.json, the newest first: what these releases say of themselves. */
const INDEX = [
  release("v26.10.0", "2026-11-10", "3.5.8", { v8: "14.6.202.34", modules: "147" }),
  release("v24.21.0", "2026-11-03", "3.5.8", { v8: "13.6.233.17", modules: "137", lts: "Krypton" }),
  release("v22.23.3", "2026-11-03", "3.5.8", { v8: "12.4.254.21", modules: "127", lts: "Jod" }),
  release("v20.20.2", "2026-03-24", "3.0.19", { v8: "11.3.244.8", modules: "115", lts: "Iron" }),
  // Older than what is supported: nobody asks what they bring.
  release("v20.18.1", "2024-11-20", "9.0.0", {}),
  release("v16.20.2", "2023-08-08", "1.1.1v+quic", { modules: "93", lts: "Gallium" }),
  { version: "v0.1.14", date: "2011-08-26", files: ["src"], v8: "1.3.15.0", lts: false, security: false },
];

function release(version: string, date: string, openssl: string | undefined, more: object) {
  const files = ["headers", "linux-x64", "osx-arm64-tar", "win-x64-zip"];
  return { version, date, files, npm: "11.6.2", uv: "1.52.1", openssl, lts: false, security: false, ...more };
}

test("the list of known major versions is where the script looks for it", () => {
  expect(knownMajors(readFileSync(join(ROOT, "native/tls/openssl.h"), "utf8"))).toContain(3);
  expect(knownMajors("inline constexpr unsigned kMajors[] = {3, 4};")).toEqual([3, 4]);
  expect(() => knownMajors("constexpr unsigned kMajor = 3;")).toThrow("no list kMajors[]");
});

test("nothing is said of releases that bring what is known", () => {
  expect(complaints(INDEX, [3], "20.19")).toEqual([]);
  expect(complaints([release("v20.19.0", "2025-03-13", "3.0.15+quic", {})], [3], "20.19")).toEqual([]);
});

test("the first release with a stranger is named, and what is to be done", () => {
  const strangers = [release("v27.1.0", "2027-05-18", "4.0.2", {}), release("v27.0.0", "2027-04-20", "4.0.1", {})];
  const found = complaints([...strangers, ...INDEX], [3], "20.19");
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(
    /^Node 27\.0\.0 \(2027-04-20\) brings OpenSSL 4\.0\.1; .* knows the major version 3 only.*add 4 to kMajors/,
  );
  expect(complaints([...strangers, ...INDEX], [3, 4], "20.19")).toEqual([]);
});

test("an older line that goes back to what it had is told, too", () => {
  expect(complaints([release("v22.24.0", "2027-01-01", "1.1.1z", {}), ...INDEX], [3], "20.19")).toHaveLength(1);
});

test.each([
  ["no index", { message: "Not Found" }],
  ["an empty one", []],
  ["one of old releases", INDEX.slice(-3)],
  ["a release without a version of OpenSSL", [release("v27.0.0", "2027-04-20", undefined, {})]],
  ["a release with another library", [release("v27.0.0", "2027-04-20", "AWS-LC", {})]],
])("%s is no reason to be silent", (_, index) => {
  expect(complaints(index, [3], "20.19")).toEqual([expect.stringContaining("has its format changed?")]);
});
