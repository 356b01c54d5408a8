/** Prints the milliseconds of processor time that Node took to start, and that importing the module at the path given took. */
import { pathToFileURL } from "node:url";

const url = pathToFileURL(process.argv[2]).href;
const milliseconds = ({ user, system }) => (user + system) / 1000;
const before = process.cpuUsage();
await import(url);
console.log(JSON.stringify({ start: milliseconds(before), importing: milliseconds(process.cpuUsage(before)) }));
