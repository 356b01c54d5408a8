/** CommonJS: `required.cjs twice|late|missing`. */
const { workerData } = require("node:worker_threads");
const { tell } = require("./tell.cjs");

const how = workerData ?? process.argv[2];
if (how === "twice") require("skein/install/poll");
const reactor = how === "missing" ? { name: "none" } : require("skein/reactor").reactor;
const { install } = require(how === "missing" ? "skein/iocpreactor" : "skein/selectreactor");
console.log(reactor.name);
tell(install);
