/** Runs the program beside it in a worker: `in-worker.mjs FILE HOW`. */
import { Worker } from "node:worker_threads";

new Worker(new URL(process.argv[2], import.meta.url), { workerData: process.argv[3] });
