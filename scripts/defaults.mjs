/**
 * Writes docs/defaults.md, every bound that Skein has by default, with the values that the sources have; and those of them
 * that SECURITY.md names, between its two marks.
 *
 *   node scripts/defaults.mjs [--check]
 *
 * --check writes nothing and fails when a document is another. Both fail when a constant that looks like a bound is neither
 * in the table (scripts/defaults-table.mjs) nor among those that are none.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { NO_BOUNDS, SECTIONS, SECURITY } from "./defaults-table.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
/** The words that make a constant look like a bound. */
const BOUND = /(^|_)(MAX|MOST|LIMITS?|DEFAULTS|SECONDS|MS|BYTES|WATER|WAITING|QUEUED|IDLE|PATIENCE)(_|$)/;
const NATIVE_BOUND = /^k(\w+)?(Most|Max|Ms)$/;

/** The numbers of a source file by the names of their constants, `Class.field` and `OBJECT.property` among them. */
function numbersOf(path) {
  const text = readFileSync(root + path, "utf8");
  return path.endsWith(".ts") ? numbersOfTypeScript(path, text) : numbersOfNative(text);
}

function numbersOfTypeScript(path, text) {
  const numbers = new Map();
  const set = (name, node) => {
    const value = node && evaluate(node, numbers);
    if (value !== undefined) numbers.set(name, value);
    if (node && ts.isObjectLiteralExpression(node)) {
      for (const property of node.properties) {
        if (ts.isPropertyAssignment(property)) set(`${name}.${property.name.getText()}`, property.initializer);
      }
    }
  };
  for (const statement of ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true).statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) set(name.getText(), initializer);
    } else if (ts.isClassDeclaration(statement)) {
      for (const member of statement.members) {
        if (ts.isPropertyDeclaration(member)) set(`${statement.name.text}.${member.name.getText()}`, member.initializer);
      }
    } else if (ts.isExpressionStatement(statement) && ts.isBinaryExpression(statement.expression)) {
      const { left, right } = statement.expression; // Class.prototype.field = 1
      set(left.getText().replace(".prototype.", "."), right);
    }
  }
  return numbers;
}

function numbersOfNative(text) {
  const numbers = new Map();
  for (const [, name, expression] of text.matchAll(/constexpr [\w:]+ (k\w+) = ([\d'*<() ]+);/g)) {
    const source = ts.createSourceFile("", expression.replaceAll("'", "_"), ts.ScriptTarget.Latest, true);
    numbers.set(name, evaluate(source.statements[0].expression, numbers));
  }
  return numbers;
}

/** The number that an expression of literals and constants before it is; undefined if it is something else. */
function evaluate(node, known) {
  if (ts.isNumericLiteral(node)) return Number(node.text);
  if (ts.isIdentifier(node)) return known.get(node.text);
  if (ts.isParenthesizedExpression(node)) return evaluate(node.expression, known);
  if (!ts.isBinaryExpression(node)) return undefined;
  const [left, right] = [evaluate(node.left, known), evaluate(node.right, known)];
  if (left === undefined || right === undefined) return undefined;
  switch (node.operatorToken.kind) {
    case ts.SyntaxKind.AsteriskToken:
      return left * right;
    case ts.SyntaxKind.AsteriskAsteriskToken:
      return left ** right;
    case ts.SyntaxKind.SlashToken:
      return left / right;
    case ts.SyntaxKind.PlusToken:
      return left + right;
    case ts.SyntaxKind.MinusToken:
      return left - right;
    case ts.SyntaxKind.LessThanLessThanToken:
      return left << right;
    default:
      return undefined;
  }
}

// --- the table -------------------------------------------------------------------------------------------------------

const cache = new Map();
/** What the table names and the sources do not have. */
const gone = new Set();
function valueOf(source) {
  const [path, name] = source.split("#");
  if (!cache.has(path)) cache.set(path, numbersOf(path));
  const value = cache.get(path).get(name);
  if (value === undefined) gone.add(source);
  return value ?? Number.NaN;
}

function shown(value, unit) {
  if (unit === "bytes") {
    for (const [power, name] of ["KiB", "MiB", "GiB"].map((name, i) => [1024 ** (i + 1), name]).reverse()) {
      if (value % power === 0) return `${value / power} ${name}`;
    }
  }
  const number = value.toLocaleString("en-US");
  return unit === "" ? number : `${number} ${value === 1 ? unit.replace(/s$/, "") : unit}`;
}

function rows(bounds) {
  return bounds.map(({ what, source, unit = "", option = "–", passed }) => {
    const [path, name] = source.split("#");
    const where = `\`${name}\`, ${path.replace("src/", "")}`;
    return `| ${what} | ${shown(valueOf(source), unit)} | ${option} | ${passed} | ${where} |`;
  });
}

function document() {
  const parts = SECTIONS.map(
    ({ title, text = "", bounds }) =>
      `## ${title}\n\n${text === "" ? "" : `${text}\n\n`}| bound | default | option | when it is passed | in the source |\n` +
      `|---|---|---|---|---|\n${rows(bounds).join("\n")}\n`,
  );
  return `# Defaults

Every bound that Skein has unless a program says otherwise. scripts/defaults.mjs writes this page from the sources, and a test
fails when they differ. [SECURITY.md](../SECURITY.md) tells what the bounds are for.

${parts.join("\n")}`;
}

const [begin, end] = ["<!-- bounds: scripts/defaults.mjs writes them -->\n", "<!-- end of the bounds -->"];

/** SECURITY.md, whose rows name their bounds as in `{src/cli/limits.ts#MAX_CONNECTIONS}`. */
function security(text) {
  const units = new Map(SECTIONS.flatMap(({ bounds }) => bounds.map(({ source, unit = "" }) => [source, unit])));
  const filled = SECURITY.map((row) => {
    const cells = row.map((cell) => cell.replace(/\{([^}]+)\}/g, (_, source) => shown(valueOf(source), units.get(source))));
    return `| ${cells.join(" | ")} |`;
  });
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`SECURITY.md has lost the marks of its bounds: ${begin}${end}`);
  return `${before}${begin}| | of one connection | of one process |\n|---|---|---|\n${filled.join("\n")}\n${end}${after}`;
}

// --- what is missing in it -------------------------------------------------------------------------------------------

function missing() {
  const listed = new Set([...SECTIONS.flatMap(({ bounds }) => bounds.map(({ source }) => source)), ...NO_BOUNDS.keys()]);
  const found = [...sources("src", ".ts"), ...sources("native/engine", ".h")].flatMap((path) =>
    [...numbersOf(path)]
      .filter(([name, value]) => value !== 0 && !name.includes("#")) // fields that count from 0
      .map(([name]) => name)
      .filter((name) => (path.endsWith(".ts") ? name.split(".").some((word) => looksLikeBound(word)) : NATIVE_BOUND.test(name)))
      .map((name) => `${path}#${name}`),
  );
  const stale = [...NO_BOUNDS.keys()].filter((source) => !found.includes(source));
  return { unlisted: found.filter((source) => !listed.has(source)), stale };
}

/** MAX_LENGTH, or maxLength. */
function looksLikeBound(word) {
  return BOUND.test(word.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase());
}

function sources(folder, kind) {
  return readdirSync(root + folder, { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(kind) && !path.startsWith("src/testing/"))
    .sort();
}

const { unlisted, stale } = missing();
const problems = [
  ...unlisted.map((source) => `${source} looks like a bound: add it to SECTIONS, or to NO_BOUNDS with the reason.`),
  ...stale.map((source) => `${source} is in NO_BOUNDS, but not in the sources.`),
];
const documents = [
  ["docs/defaults.md", document()],
  ["SECURITY.md", security(readFileSync(`${root}SECURITY.md`, "utf8"))],
];
problems.push(...[...gone].map((source) => `${source} is in scripts/defaults-table.mjs, but not in the sources.`));
for (const [name, fresh] of documents) {
  if (!process.argv.includes("--check")) writeFileSync(root + name, fresh);
  else if (fresh !== readFileSync(root + name, "utf8")) {
    problems.push(`${name} is not what the sources say: node scripts/defaults.mjs`);
  }
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
