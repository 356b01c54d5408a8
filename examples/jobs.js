// @ts-check
/**
 * Ten jobs that take their time, all at once; what each comes to, and the end when all are done.
 *
 *   node examples/jobs.js [SECOND]     SECOND is how long a second lasts here: 0.01 to see it all at once
 */
import { DeferredList, deferLater } from "skein";
import { reactor } from "skein/reactor";

const second = Number(process.argv[2] ?? 1);

/** @param {number} id */
function startJob(id) {
  console.log(`begin job ${id}`);
  return deferLater(reactor, 3 * second, () => {
    console.log(`done with job ${id}`);
    return id;
  }).addCallback((result) => result + 1);
}

const jobs = Array.from({ length: 10 }, (_, id) => startJob(id));
new DeferredList(jobs).addCallback((results) => {
  console.log(results.map(([ok, result]) => `${ok ? "ok" : "failed"}: ${result}`).join(", "));
  console.log(`All jobs are done; the reactor runs: ${reactor.running}`);
  reactor.stop();
});

console.log("All jobs have started.");
await reactor.run();
console.log(`The reactor runs: ${reactor.running}`);
