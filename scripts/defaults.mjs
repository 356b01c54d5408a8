/**
 * Writes docs/defaults.md: every bound that Skein has by default, with the values that the sources have.
 *
 *   node scripts/defaults.mjs [--check]
 *
 * --check writes nothing and fails when the document is another. Both fail when a constant that looks like a bound is neither
 * in the table (scripts/defaults-table.mjs) nor among those that are none.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { NO_BOUNDS, SECTIONS } from "./defaults-table.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const file = `${root}docs/defaults.md`;
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
function valueOf(source) {
  const [path, name] = source.split("#");
  if (!cache.has(path)) cache.set(path, numbersOf(path));
  const value = cache.get(path).get(name);
  if (value === undefined) throw new Error(`${path} has no number ${name}: correct scripts/defaults-table.mjs.`);
  return value;
}

function shown(value, unit) {
  if (unit === "bytes" && value >= 1024 && value % 1024 === 0) {
    return value % 1024 ** 2 === 0 ? `${value / 1024 ** 2} MiB` : `${value / 1024} KiB`;
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
const fresh = document();
if (!process.argv.includes("--check")) writeFileSync(file, fresh);
else if (fresh !== readFileSync(file, "utf8")) {
  problems.push("docs/defaults.md is not what the sources say: node scripts/defaults.mjs");
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
