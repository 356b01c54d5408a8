/** Prints how many milliseconds it takes to import the module at the path given. */
import { pathToFileURL } from "node:url";

const url = pathToFileURL(process.argv[2]).href;
const before = performance.now();
await import(url);
console.log(performance.now() - before);
