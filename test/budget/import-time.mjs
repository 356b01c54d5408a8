/** Prints how many milliseconds of processor time it takes to import the module at the path given. */
import { pathToFileURL } from "node:url";

const url = pathToFileURL(process.argv[2]).href;
const before = process.cpuUsage();
await import(url);
const { user, system } = process.cpuUsage(before);
console.log((user + system) / 1000);
