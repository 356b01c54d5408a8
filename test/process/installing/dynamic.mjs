/** Dynamic imports: `dynamic.mjs twice|late|missing`. */
import { workerData } from "node:worker_threads";
import { tell } from "./tell.cjs";

const how = workerData ?? process.argv[2];
if (how === "twice") await import("skein/install/poll");
const reactor = how === "missing" ? { name: "none" } : (await import("skein/reactor")).reactor;
const { install } = await import(how === "missing" ? "skein/iocpreactor" : "skein/selectreactor");
console.log(reactor.name);
tell(install);
