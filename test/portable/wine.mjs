// Runs a Windows program under Wine, with a server of Wine's of its own, and tells when that dies:
//
//   node test/portable/wine.mjs PREFIX PROGRAM ARGUMENTS…
//
// Wine's programs are served by one process, wineserver. That of Wine 8.0 dies now and then of an assertion of its own
// (server/fd.c, set_fd_events: `poll_users[user] == fd`) when sockets come and go by the hundred. Nobody is told: the
// program's main thread goes away and its others stay. So the server runs in the foreground here; when it ends before the
// program does, the program is ended too, and this with the status DIED and the server's last words. And programs that run
// side by side, which SKEIN_JOB tells apart, have a server each, so that none goes down with another's.
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DIED } from "./died.mjs";

const [prefix, ...command] = process.argv.slice(2);
const own = `${prefix}-${process.env.SKEIN_JOB ?? 0}`;
process.env.WINEPREFIX = own;
endAll(); // What a run that was stopped has left behind.
makeOwn();

const server = start("wineserver", "--foreground", "--persistent");
const serverEnded = ended(server);
const hasEnded = () => server.exitCode !== null || server.signalCode !== null;
// A program that finds none begins one of its own.
while (!hasEnded() && !listens(server.pid)) await setTimeout(5);
const program = start("wine", ...command);
let status = await Promise.race([ended(program), serverEnded]);
// The program may be the first of the two that is seen to go.
if (status !== 0) await Promise.race([serverEnded, setTimeout(500)]);
if (hasEnded()) {
  console.log(`wineserver has ended with ${await serverEnded}.`);
  status = DIED;
}
endAll();
process.exit(typeof status === "number" ? status : 1);

/** It dies with this process. */
function start(...words) {
  return spawn("setpriv", ["--pdeathsig", "KILL", ...words], { stdio: "inherit" });
}

/** It listens in its own folder. */
function listens(pid) {
  try {
    const folder = readlinkSync(`/proc/${pid}/cwd`);
    return folder !== process.cwd() && existsSync(join(folder, "socket"));
  } catch {
    return false; // It has ended, and that is about to be heard of.
  }
}

function ended(child) {
  return new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
}

/** What is written to is its own; what programs are loaded from, all share. */
function makeOwn() {
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own, { recursive: true });
  for (const name of readdirSync(prefix)) {
    if (name.endsWith(".reg") || name === ".update-timestamp") copyFileSync(join(prefix, name), join(own, name));
    else if (name !== "wineserver") symlinkSync(join(prefix, name), join(own, name));
  }
}

/** Whatever runs in that prefix: Wine's services outlive its server. */
function endAll() {
  const mark = `WINEPREFIX=${own}`;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
      if (environment.includes(mark)) process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended meanwhile, or is somebody else's.
    }
  }
}
