/** Which files of a folder import which, types included, and the circles among them. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

/** The relative imports of every file below `folder`, by path. */
export function importsBelow(folder: string): Map<string, string[]> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return new Map(
    files.map((name) => {
      const file = join(folder, name);
      const { importedFiles } = ts.preProcessFile(readFileSync(file, "utf8"));
      const relative = importedFiles.map(({ fileName }) => fileName).filter((path) => path.startsWith("."));
      return [file, relative.map((path) => join(dirname(file), path))];
    }),
  );
}

/** The sets of files that import each other in a circle: Tarjan's strongly connected components of more than one. */
export function circlesOf(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const indices = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): void => {
    const index = indices.size;
    indices.set(file, index);
    lowest.set(file, index);
    stack.push(file);
    for (const imported of imports.get(file) ?? []) {
      if (!imports.has(imported)) continue;
      if (!indices.has(imported)) visit(imported);
      if (stack.includes(imported)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(imported)!));
    }
    if (lowest.get(file) !== index) return;
    const component = stack.splice(stack.indexOf(file));
    if (component.length > 1) circles.push(component.toSorted());
  };
  for (const file of imports.keys()) if (!indices.has(file)) visit(file);
  return circles;
}
