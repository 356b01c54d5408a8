// One of several mains, by react(), on the reactor that is installed by default.
import { load } from "./dist.mjs";

const { Deferred } = await load("entries/defer.js");
const { deferLater, react, SystemExit } = await load("entries/task.js");

const mains = {
  succeed: (reactor, name) => deferLater(reactor, 0, console.log, name),
  fail: async (_reactor, name) => {
    console.log(name);
    throw new Error("boom");
  },
  exit: (reactor, name) => {
    console.log(name);
    return deferLater(reactor, 0, () => {
      throw new SystemExit(3);
    });
  },
  wait: (reactor) => {
    reactor.callWhenRunning(() => console.log("waiting"));
    return new Deferred();
  },
};
const [name] = process.argv.slice(2);
await react(mains[name], [name]);
