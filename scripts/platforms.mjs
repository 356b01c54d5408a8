// Writes docs/platforms.md: what the conformance suite came to on each platform and reactor, from build/conformance/*.json,
// which `npm run conformance` and test/portable/run.mjs leave there.
//
// With --check it writes nothing, and fails when a result is red: a behaviour failed, was never come to, or was not tried
// without an exception that says why; or the exceptions of a run are more than 5 % of its rows.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const EXCEPTIONS_MAX = 0.05;
/** How a run's label reads. */
const LABELS = {
  qemu: "emulated by QEMU",
  wine: "under Wine",
  libkqueue: "kqueue by libkqueue",
};

const exceptions = JSON.parse(readFileSync(`${root}test/conformance/exceptions.json`, "utf8"));
const runs = readRuns();
const missing = findMissing();
const problems = findProblems();

if (process.argv.includes("--check")) {
  for (const problem of problems) console.log(problem);
  console.log(`${runs.length} runs, ${count(allRows())} rows, ${problems.length} problems`);
} else {
  writeFileSync(`${root}docs/platforms.md`, page());
  console.log(`docs/platforms.md: ${runs.length} runs, ${count(allRows())} rows, ${problems.length} problems`);
}
process.exitCode = problems.length === 0 ? 0 : 1;

// --- reading ---------------------------------------------------------------------------------------------------------

function readRuns() {
  const folder = `${root}build/conformance`;
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  return names
    .map((name) => JSON.parse(readFileSync(`${folder}/${name}`, "utf8")))
    .map((run) => ({ ...run, subjects: subjectsOf(run.rows) }))
    .sort((a, b) => order(nameOf(a), nameOf(b)));
}

/** The columns of a run: a reactor, the way it lives in the loop, and the family of the addresses. */
function subjectsOf(rows) {
  const subjects = new Map(rows.map((row) => [subjectOf(row), []]));
  for (const row of rows) subjects.get(subjectOf(row)).push(row);
  return subjects;
}

function subjectOf({ reactor, driver, transport }) {
  return `${reactor} (${driver}) ${transport}`;
}

function nameOf({ platform, arch, label }) {
  return [platform, arch, ...(label === undefined ? [] : [label])].join("-");
}

/** Linux on x64 comes first, where the whole of it runs. */
function order(a, b) {
  return Number(b === "linux-x64") - Number(a === "linux-x64") || (a < b ? -1 : 1);
}

function allRows() {
  return runs.flatMap(({ rows }) => rows);
}

function idOf({ file, behaviour }) {
  return `${file}: ${behaviour}`;
}

// --- judging ---------------------------------------------------------------------------------------------------------

/** What some subject was tried on, over the same family, and another one was not: its run has come to an early end. */
function findMissing() {
  const known = { IPv4: new Map(), IPv6: new Map() };
  for (const row of allRows()) known[row.transport].set(idOf(row), row);
  return runs.flatMap((run) =>
    [...run.subjects.values()].flatMap((rows) => {
      const there = new Set(rows.map(idOf));
      const { reactor, driver, transport } = rows[0];
      return [...known[transport].values()]
        .filter((row) => !there.has(idOf(row)))
        .map(({ file, behaviour }) => ({ run, file, behaviour, reactor, driver, transport, state: "missing" }))
        .filter((row) => exceptionOf(run, row)?.applies !== false);
    }),
  );
}

function findProblems() {
  if (runs.length === 0) return ["There are no results in build/conformance: npm run conformance makes them."];
  const found = missing.map((row) => `missing: ${nameOf(row.run)}, ${subjectOf(row)}: ${idOf(row)}`);
  for (const run of runs) {
    const skipped = run.rows.filter((row) => row.state === "skipped" && exceptionOf(run, row)?.applies !== false);
    for (const row of run.rows) {
      const where = `${nameOf(run)}, ${subjectOf(row)}: ${idOf(row)}`;
      if (row.state === "failed") found.push(`failed: ${where}\n  ${(row.error ?? "").split("\n")[0]}`);
      if (row.state === "skipped" && exceptionOf(run, row) === undefined) found.push(`no exception says why: ${where}`);
    }
    if (skipped.length > EXCEPTIONS_MAX * run.rows.length) {
      found.push(`${nameOf(run)}: ${skipped.length} of ${run.rows.length} rows are exceptions, more than 5 %`);
    }
  }
  return found;
}

/** The exception that a row was skipped for, or is not there for. */
function exceptionOf({ platform, arch, label }, row) {
  const here = { ...row, platform, arch, label };
  return exceptions.find(({ reason, evidence, applies, behaviours, ...where }) => {
    const fits = Object.entries(where).every(([key, value]) => [value].flat().includes(here[key]));
    const same = row.error === reason || (row.state === "missing" && applies === false);
    return fits && same && (behaviours === undefined || behaviours.includes(row.behaviour));
  });
}

// --- writing ---------------------------------------------------------------------------------------------------------

function page() {
  return `${[
    "<!-- Written by scripts/platforms.mjs from the results of runs: do not edit. -->",
    "# Platforms",
    "",
    "One body of behaviour tests, [test/conformance](../test/conformance), is run on every reactor. This page is made from",
    "the results of these runs. A column that is not here was not run.",
    "",
    ...table(
      ["platform", "Node", "run by", "rows", "green", "red", "not tried"],
      runs.map((run) => [describe(run), run.node, runnerOf(run), count(run.rows), ...sums(run)]),
    ),
    "",
    "A row is one behaviour on one reactor, with one driver, over one family of addresses. The driver is the way in which a",
    "reactor lives in Node's loop: *pollable*, its descriptor is watched by libuv; *waiter*, a thread of its own waits.",
    "IPv6 is run where the family may matter, and with the first driver only.",
    "",
    "## Reactors",
    "",
    ...reactorTable(),
    "",
    "## Behaviours",
    "",
    "By group: how many are green, of how many. What a group holds stands below, behaviour by behaviour.",
    "",
    ...runs.flatMap((run) => [`### ${describe(run)}`, "", ...groupTable(run), ""]),
    "## What is not tried, and why",
    "",
    ...exceptionTable(),
    "",
    "## Every behaviour",
    "",
    "For each platform, on how many of its columns the behaviour is green; those where it is not are named.",
    "",
    ...groups().flatMap((file) => [`### ${file}`, "", descriptionOf(file), "", ...behaviourTable(file), ""]),
  ]
    .join("\n")
    .trimEnd()}\n`;
}

function describe({ platform, arch, label }) {
  return label === undefined ? `${platform}-${arch}` : `${platform}-${arch}, ${LABELS[label] ?? label}`;
}

function runnerOf({ runner, volume = 1, deaths = 0 }) {
  const notes = [runner === "vitest" ? "vitest" : "the bundle, plain Node"];
  if (volume !== 1) notes.push(`${volume} of the longest repetitions`);
  if (deaths > 0) notes.push(`what plays it died ${deaths} times, and the test in hand was played again`);
  return notes.join("; ");
}

function count(rows) {
  return rows.length.toLocaleString("en");
}

function sums(run) {
  const of = (state) => run.rows.filter((row) => row.state === state).length;
  const red = of("failed") + missing.filter((row) => row.run === run).length;
  return [of("passed").toLocaleString("en"), red === 0 ? 0 : `**${red}**`, of("skipped")];
}

function reactorTable() {
  const lines = runs.flatMap((run) => {
    const names = new Set([...run.subjects.keys()].map((subject) => subject.replace(/ IPv[46]$/, "")));
    return [...names].map((name) => [
      `\`${name.split(" ")[0]}\``,
      name.split(" ")[1].slice(1, -1),
      describe(run),
      ...["IPv4", "IPv6"].map((family) => tally(run, `${name} ${family}`)),
    ]);
  });
  return table(["reactor", "driver", "platform", "IPv4", "IPv6"], lines);
}

/** "92 of 92", and what is missing from that. */
function tally(run, subject, file) {
  const within = (row) => subjectOf(row) === subject && (file === undefined || row.file === file);
  const rows = run.rows.filter(within);
  const lost = missing.filter((row) => row.run === run && within(row)).length;
  if (rows.length + lost === 0) return "";
  const of = (state) => rows.filter((row) => row.state === state).length;
  const red = of("failed") + lost;
  const notes = [...(red === 0 ? [] : [`**${red} red**`]), ...(of("skipped") === 0 ? [] : [`${of("skipped")} not tried`])];
  return [`${of("passed")} of ${rows.length + lost}`, ...notes].join(", ");
}

function groupTable(run) {
  const subjects = [...run.subjects.keys()];
  const lines = groups().map((file) => [`[${file}](#${file})`, ...subjects.map((subject) => tally(run, subject, file))]);
  return table(["group", ...subjects.map((subject) => subject.replace(/ \((\S+)\) /, "<br>$1<br>"))], lines);
}

function exceptionTable() {
  const lines = exceptions.flatMap((exception) => {
    const rows = runs.flatMap((run) => run.rows.filter((row) => exceptionOf(run, row) === exception));
    const { file, behaviours, reason, evidence, applies, ...where } = exception;
    if (rows.length === 0 && applies !== false) return [];
    const what = behaviours?.map((name) => `${file}: ${name}`).join("; ") ?? file;
    const amount = applies === false ? "do not apply" : rows.length;
    return [[amount, Object.values(where).flat().join(", "), what, reason, evidence]];
  });
  if (lines.length === 0) return ["Everything is tried everywhere."];
  return table(["rows", "where", "what", "why", "evidence"], lines);
}

function groups() {
  return [...new Set(allRows().map(({ file }) => file))].sort();
}

/** What the file says of itself. */
function descriptionOf(file) {
  const [, text = ""] = /^\/\*\*([\s\S]*?)\*\//.exec(readFileSync(`${root}test/conformance/${file}.test.ts`, "utf8")) ?? [];
  return text.replace(/^\s*\*/gm, "").replace(/\s+/g, " ").trim();
}

function behaviourTable(file) {
  const names = [...new Set(allRows().filter((row) => row.file === file).map(({ behaviour }) => behaviour))];
  const lines = names.map((behaviour) => [behaviour, ...runs.map((run) => verdict(run, file, behaviour))]);
  return table(["behaviour", ...runs.map(describe)], lines);
}

function verdict(run, file, behaviour) {
  const same = (row) => row.file === file && row.behaviour === behaviour;
  const rows = run.rows.filter(same);
  const named = (title, list) => (list.length === 0 ? [] : [`${title} ${list.map(subjectOf).join(", ")}`]);
  const of = (state) => rows.filter((row) => row.state === state);
  const red = [...of("failed"), ...missing.filter((row) => row.run === run && same(row))];
  const parts = [
    ...(of("passed").length === 0 ? [] : [`✓ ${of("passed").length}`]),
    ...named("**✗**", red),
    ...named("not tried:", of("skipped")),
  ];
  return parts.join("; ");
}

function table(head, lines) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...lines.map(line)];
}
