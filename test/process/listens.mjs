/** Says which reactor is installed by default, and what listening on it comes to. */
import { load } from "./dist.mjs";

const { reactor } = await load("entries/reactor.js");
const { Factory } = await load("internet/protocol.js");
console.log(reactor.name);
reactor.callWhenRunning(() => {
  try {
    console.log(`listening on ${reactor.listenTCP(0, new Factory(), { interface: "127.0.0.1" }).getHost().host}`);
  } catch (error) {
    console.log(`${error.name}: ${error.message}`);
  }
  reactor.stop();
});
await reactor.run();
