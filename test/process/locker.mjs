/** Takes the lock whose name it is given, says whether that succeeded, and waits for its standard input to end, or kills itself. */
import { load } from "./dist.mjs";

const { FilesystemLock } = await load("entries/defer.js");
const [name, then] = process.argv.slice(2);
console.log(JSON.stringify({ pid: process.pid, locked: new FilesystemLock(name).lock() }));
if (then === "wait") process.stdin.resume();
else process.kill(process.pid, "SIGKILL");
