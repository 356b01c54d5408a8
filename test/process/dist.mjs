/**
 * The built package, for programs that run outside vitest: dist/ of this tree, or the folder that SKEIN_DIST names.
 */
import { pathToFileURL } from "node:url";

const built = process.env.SKEIN_DIST;
const root = built === undefined ? new URL("../../dist/", import.meta.url) : pathToFileURL(`${built}/`);

/** The module at `path` below dist/, as in "internet/reactor/epoll.js". */
export function load(path) {
  return import(new URL(path, root).href);
}
