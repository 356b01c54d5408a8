/** The rules of the house that can be checked. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { circlesOf, importsBelow } from "./helpers/imports.ts";

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { exports: Record<string, unknown> };

/** What the package exports: each file of src/entries, by the name under which it is imported. */
const modules = sources("src/entries").map((source) => ({
  name: source.replace("src/entries", "skein").replace(/(\/index)?\.ts$/, ""),
  source,
}));

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

function sources(directory: string, kind = /\.ts$/): string[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
    .filter((name) => kind.test(name) && !name.startsWith("test/"))
    .map((name) => join(directory, name));
}

describe("what the package exports", () => {
  it("is one file of src/entries for each export, and nothing else", () => {
    const built = (name: string) => ({ types: `./dist/entries/${name}.d.ts`, default: `./dist/entries/${name}.js` });
    expect(manifest.exports).toEqual({
      ".": built("index"),
      "./index": null,
      "./*": built("*"),
      "./package.json": "./package.json",
    });
  });

  it.each(modules)("$name only re-exports", ({ source }) => {
    const { statements } = ts.createSourceFile(
      source,
      readFileSync(join(root, source), "utf8"),
      ts.ScriptTarget.Latest,
    );
    const own = statements.filter(
      (statement) => !ts.isExportDeclaration(statement) || statement.moduleSpecifier === undefined,
    );
    // An entry that is imported for its effect calls install().
    const isInstaller = source.startsWith("src/entries/install/");
    expect(own.length).toBe(isInstaller ? 2 : 0);
  });

  it.each(modules)("$name documents each export", ({ source }) => {
    const silent = exportsOf(source)
      .filter((symbol) => resolved(symbol).getDocumentationComment(checker).length === 0)
      .map((symbol) => symbol.name);
    expect(silent).toEqual([]);
  });
});

describe("imports", () => {
  it("form no cycle, types included", () => {
    expect(circlesOf(importsBelow(join(root, "src")))).toEqual([]);
  });

  it("are checked by a function that finds cycles", () => {
    const imports = { a: ["b", "d"], b: ["c"], c: ["a", "d"], d: ["node:fs"] };
    expect(circlesOf(new Map(Object.entries(imports)))).toEqual([["a", "b", "c"]]);
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

  it.each(sources("src"))("%s writes to standard output and standard error through src/logger/output.ts", (file) => {
    const calls: string[] = [];
    const look = (node: ts.Node): void => {
      if (ts.isCallExpression(node)) calls.push(node.expression.getText());
      ts.forEachChild(node, look);
    };
    look(ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest, true));
    expect(calls.filter((call) => /^(console\.|process\.(stdout|stderr)\.)/.test(call))).toEqual([]);
  });

  it("have at most 400 lines, or a reason at their top", () => {
    const longer = [...sources("src"), ...sources("native", /\.(cc|h)$/)]
      .map((file) => ({ file, lines: readFileSync(join(root, file), "utf8").split("\n") }))
      .filter(({ lines }) => lines.length > 401)
      .filter(({ lines }) => !lines.slice(0, 40).join("\n").includes("Longer than most files here:"));
    expect(longer.map(({ file, lines }) => `${file}: ${lines.length - 1}`)).toEqual([]);
  });

  it.each(sources("src"))("%s begins with what it is for", (file) => {
    expect(readFileSync(join(root, file), "utf8")).toMatch(/^(#!.*\n)?\/\*\*/);
  });
});

describe("CONTRIBUTING.md", () => {
  const text = readFileSync(join(root, "CONTRIBUTING.md"), "utf8").replace(/^```[\s\S]*?^```/gm, "");
  const quoted = [...text.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code!.split(/\s+/));

  it("names files and folders that exist", () => {
    const names = new Set(
      [".github", "native", "src", "test"].flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => basename(path)),
      ),
    );
    const paths = quoted.filter(isPath).flatMap(alternatives);
    expect(paths).toEqual(
      expect.arrayContaining(["native/backend/backend.h", "native/engine/closing.cc", "places.ts"]),
    );
    expect(paths.filter((path) => !existsSync(join(root, path)) && !names.has(path))).toEqual([]);
  });

  it("names constants that occur in native/", () => {
    const code = sources("native", /\.(cc|h)$/).map((file) => readFileSync(join(root, file), "utf8"));
    code.push(...sources("native/test", /\.(cc|h)$/).map((file) => readFileSync(join(root, file), "utf8")));
    const constants = quoted.filter((word) => /^k[A-Z]\w+$/.test(word));
    expect(constants).toContain("kRoles");
    const words = new Set(code.join("\n").match(/\bk[A-Z]\w+/g));
    expect(constants.filter((name) => !words.has(name))).toEqual([]);
  });
});

/** Whether `word` is a path or a file's name, and not of what is built, of another place, or with a <placeholder>. */
function isPath(word: string): boolean {
  return (
    !/^(build|dist)\/|^[./~$]*\/|[<>]/.test(word) &&
    /^[\w.{},/-]+(\/|\.(cc|h|json|m?[jt]s|md|sh|txt|gyp|yml))/.test(word)
  );
}

/** "{a,b}.cc" is "a.cc" and "b.cc". */
function alternatives(path: string): string[] {
  const [whole, list] = /\{(.*?)\}/.exec(path) ?? [];
  return whole === undefined ? [path] : list!.split(",").map((each) => path.replace(whole, each));
}
