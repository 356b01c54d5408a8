/**
 * Writes the table of native/net/errno_table.h into docs/internals.md, between its two marks.
 *
 *   node scripts/errno-table.mjs [--check]
 *
 * --check writes nothing and fails when the document's table is another.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const header = readFileSync(`${root}native/net/errno_table.h`, "utf8");
const file = `${root}docs/internals.md`;
const document = readFileSync(file, "utf8");

/** The comments of an enumeration, by its members. */
function members(name) {
  const body = new RegExp(`enum class ${name}[^{]*\\{([^}]*)\\}`).exec(header)[1];
  return new Map([...body.matchAll(/^\s*k(\w+),\s*\/\/ (.*)$/gm)].map(([, member, text]) => [member, text]));
}

const calls = members("Call");
const meanings = members("Meaning");
const defaults = new Map();
for (const [, cases, meaning] of header.matchAll(/((?:case Call::k\w+:\s*)+)return Meaning::k(\w+);/g)) {
  for (const [, call] of cases.matchAll(/Call::k(\w+)/g)) defaults.set(call, meaning);
}

const rows = new Map();
for (const [, call, errno, meaning] of header.matchAll(/^\s*\{Call::k(\w+), (\w+), Meaning::k(\w+)\},$/gm)) {
  if (!calls.has(call) || !meanings.has(meaning)) throw new Error(`errno_table.h has no ${call} or ${meaning}.`);
  const key = `${call} ${meaning}`;
  rows.set(key, [...(rows.get(key) ?? []), errno]);
}

const lines = ["| call | errno | what it means |", "|---|---|---|"];
for (const [call, text] of calls) {
  const fallback = defaults.get(call) ?? "Fails";
  for (const [meaning, told] of meanings) {
    const errnos = rows.get(`${call} ${meaning}`) ?? [];
    if (meaning === fallback) errnos.push("any other");
    if (errnos.length > 0) lines.push(`| ${text} | ${errnos.join(", ")} | ${told} |`);
  }
}

const [begin, end] = ["<!-- errno table: scripts/errno-table.mjs writes it -->\n", "<!-- end of the errno table -->"];
const [before, rest] = document.split(begin);
const after = rest?.split(end)[1];
if (after === undefined) throw new Error(`docs/internals.md has lost the marks of its errno table: ${begin}${end}`);
const fresh = `${before}${begin}${lines.join("\n")}\n${end}${after}`;
if (!process.argv.includes("--check")) writeFileSync(file, fresh);
else if (fresh !== document) {
  console.error("The errno table of docs/internals.md is not that of native/net/errno_table.h: node scripts/errno-table.mjs");
  process.exitCode = 1;
}
