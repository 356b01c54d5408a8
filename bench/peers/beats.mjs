/**
 * Preloaded beside a server (node --import) to see how long a busy reactor keeps the rest of the process waiting: a chain
 * of 10 ms timers, and a file that is read every 10 ms. To the message "beats" it answers with what it saw since
 * the last one, in milliseconds: how much later than 10 ms each timer came, and how long each read took.
 */
import { readFile } from "node:fs";
import { fileURLToPath } from "node:url";

const period = 10;
const file = fileURLToPath(import.meta.url);
let timers = [];
let reads = [];

let last = performance.now();
function beat() {
  const now = performance.now();
  timers.push(now - last - period);
  last = now;
  setTimeout(beat, period);
}

function read() {
  const started = performance.now();
  readFile(file, (error) => {
    if (error) throw error;
    reads.push(performance.now() - started);
    setTimeout(read, period);
  });
}

setTimeout(beat, period);
read();

process.on("message", (question) => {
  if (question !== "beats") return;
  process.send({ timers, reads });
  timers = [];
  reads = [];
});
