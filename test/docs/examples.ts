/** The examples of README.md and docs/guide, as files that run. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** One block of code of a page. */
export interface Example {
  /** From the repository's root. */
  readonly page: string;
  /** Of the block's first line. */
  readonly line: number;
  readonly language: "js" | "ts";
  readonly text: string;
}

export const PAGES: readonly string[] = [
  "README.md",
  ...readdirSync(`${ROOT}docs/guide`).map((name) => `docs/guide/${name}`),
  "docs/differences.md",
];

/** All blocks of JavaScript and TypeScript of a page, in order. */
export function examplesOf(page: string): Example[] {
  const text = readFileSync(ROOT + page, "utf8");
  return [...text.matchAll(/^```(js|ts)\n(.*?)^```$/gms)].map((match) => ({
    page,
    line: text.slice(0, match.index).split("\n").length + 1,
    language: match[1] as "js" | "ts",
    text: match[2]!,
  }));
}

/** The one block of a page that has `words` in it. @throws Error when there is none, or more than one */
export function example(page: string, words: string): Example {
  const found = examplesOf(page).filter(({ text }) => text.includes(words));
  if (found.length !== 1) throw new Error(`${found.length} examples of ${page} have "${words}" in them, not one.`);
  return found[0]!;
}

/** A folder inside the repository, so that a file there may import the built package by its name. */
export function folder(name: string): string {
  const path = `${ROOT}build/docs/${name}`;
  mkdirSync(path, { recursive: true });
  return path;
}

/** JavaScript of a block: types are left out. */
export function javascript({ language, text }: Example): string {
  if (language === "js") return text;
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  });
  return outputText;
}
