// Makes one file, dist/core.js, of the modules that `import "skein"` and `import "skein/reactor"` load: Node takes a
// millisecond of processor time for a file, whatever is in it, and another for the comments in this one, which are left
// out. Each of those modules keeps its path, and passes on what it exports from there.
//
// The last step of `npm run build:ts`, behind tsc.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
// As deep as native.js, which looks for the addon from where it is.
const core = join(dist, "core.js");
const external = (id) => !id.startsWith(".") && !id.startsWith(dist) && id !== "core";

const modules = await modulesOf([join(dist, "entries/index.js"), join(dist, "internet/reactor/default.js")]);
// What they export, each name with its module's number: several modules may have the same one.
const numbered = (number, name) => `m${number}_${name}`;
const entry = modules.map(({ id, exports }, i) => {
  return `export { ${exports.map((name) => `${name} as ${numbered(i, name)}`).join(", ")} } from ${JSON.stringify(id)};`;
});
const bundle = await rolldown({
  input: "core",
  external,
  platform: "node",
  logLevel: "warn",
  plugins: [{ name: "core", resolveId, load: sourceOf }],
});
await bundle.write({ file: core, format: "esm", sourcemap: true, keepNames: true, comments: false });
await bundle.close();
for (const [i, { id, exports }] of modules.entries()) {
  const path = posix(relative(dirname(id), core));
  const names = exports.map((name) => `${numbered(i, name)} as ${name}`).join(", ");
  writeFileSync(id, `export { ${names} } from "${path.startsWith(".") ? path : `./${path}`}";\n`);
  rmSync(`${id}.map`);
}

/** Those that are loaded with some. What they may import later has effects of its own, as installing a reactor. */
async function modulesOf(first) {
  const found = new Map();
  const collect = { name: "collect", moduleParsed: (info) => void found.set(info.id, info) };
  const bundle = await rolldown({ input: first, external, platform: "node", logLevel: "warn", plugins: [collect] });
  await bundle.generate();
  await bundle.close();
  const closure = new Set(first);
  for (const id of closure) for (const imported of found.get(id).importedIds) if (found.has(imported)) closure.add(imported);
  return [...closure].map((id) => ({ id, exports: found.get(id).exports.toSorted() }));
}

/** In the one file; what may be imported later stays where it is. */
function resolveId(source, importer) {
  if (source === "core") return source;
  if (!source.startsWith(".")) return null;
  const id = join(dirname(importer), source);
  return modules.some((module) => module.id === id) ? id : { id: `./${posix(relative(dist, id))}`, external: true };
}

function posix(path) {
  return path.replaceAll(sep, "/");
}

/** With the map that tsc made of it. */
function sourceOf(id) {
  if (id === "core") return entry.join("\n");
  const code = readFileSync(id, "utf8").replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
  return { code, map: readFileSync(`${id}.map`, "utf8") };
}
