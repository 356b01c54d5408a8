/** The rules of the house that can be checked. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, { types: string; default: string } | string>;
};

/** The sources of what the package exports, by the name under which it is imported. */
const modules = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === "string"
    ? []
    : [
        {
          name: name.replace(/^\./, "skein"),
          source: target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts"),
        },
      ],
);

const program = ts.createProgram(
  modules.map(({ source }) => join(root, source)),
  { ...readOptions(), noEmit: true },
);
const checker = program.getTypeChecker();

function readOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  return ts.parseJsonConfigFileContent(config, ts.sys, root).options;
}

function exportsOf(source: string): ts.Symbol[] {
  const file = program.getSourceFile(join(root, source));
  const module = file && checker.getSymbolAtLocation(file);
  return module === undefined ? [] : checker.getExportsOfModule(module);
}

function resolved(symbol: ts.Symbol): ts.Symbol {
  return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
}

function sources(directory: string): string[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(directory, name));
}

describe("what the package exports", () => {
  it.each(modules)("$name stands in $source", ({ source }) => {
    expect(existsSync(join(root, source))).toBe(true);
  });

  it.each(modules)("$name says of each name what it is", ({ source }) => {
    const silent = exportsOf(source)
      .filter((symbol) => resolved(symbol).getDocumentationComment(checker).length === 0)
      .map((symbol) => symbol.name);
    expect(silent).toEqual([]);
  });
});

describe("the sources", () => {
  it.each(sources("src/protocols"))(
    "%s asks nobody but its clock for the time, nobody but its caller for chance",
    (file) => {
      const asked: string[] = [];
      const look = (node: ts.Node): void => {
        if (ts.isCallExpression(node)) asked.push(node.expression.getText());
        ts.forEachChild(node, look);
      };
      look(ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest, true));
      const others = ["Date.now", "Math.random", "performance.now", "setTimeout", "setImmediate", "setInterval"];
      expect(asked.filter((name) => others.includes(name))).toEqual([]);
    },
  );

  it.each(sources("src"))("%s begins with what it is for", (file) => {
    expect(readFileSync(join(root, file), "utf8")).toMatch(/^(#!.*\n)?\/\*\*/);
  });
});
