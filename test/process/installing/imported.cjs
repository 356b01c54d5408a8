/** Dynamic imports from CommonJS: `imported.cjs twice|late|missing`. */
const { workerData } = require("node:worker_threads");
const { tell } = require("./tell.cjs");

const how = workerData ?? process.argv[2];
(async () => {
  if (how === "twice") await import("skein/install/poll");
  const reactor = how === "missing" ? { name: "none" } : (await import("skein/reactor")).reactor;
  const { install } = await import(how === "missing" ? "skein/iocpreactor" : "skein/selectreactor");
  console.log(reactor.name);
  tell(install);
})();
