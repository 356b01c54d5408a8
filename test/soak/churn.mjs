/**
 * Connections that come, echo and go, as fast as they can: does memory stay flat?
 *
 *   node test/soak/churn.mjs [--cycles 1000000] [--driver pollable]
 *
 * The clients run in another process; half of the connections are closed by them, half by the server. Resident memory
 * after a tenth of the cycles is compared with that at the end. V8 widens its heap over the first 100,000 or so: a run of
 * fewer than a million tells nothing.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { load } from "../process/dist.mjs";
import { Memory, option, STEPS } from "./measure.mjs";

const { NativeReactor } = await load("internet/reactor/native.js");
const { Factory, Protocol } = await load("internet/protocol.js");

const cycles = option("cycles", 1_000_000);
const driver = option("driver", "pollable");

class Echo extends Protocol {
  missing = 64;
  closes = undefined;

  dataReceived(data) {
    this.closes ??= data[0] === 1;
    this.missing -= data.length;
    this.transport.write(data);
    if (this.missing === 0 && this.closes) this.transport.loseConnection();
  }
}

class BorrowingEcho extends Echo {
  static borrows = true;
}

let built = 0;
const factory = new Factory();
factory.buildProtocol = () => (built++ % 4 < 2 ? new Echo() : new BorrowingEcho());
const reactor = new NativeReactor("epoll", { driver });
const port = reactor.listenTCP(0, factory, { interface: "127.0.0.1", backlog: 1024 });
const ended = reactor.run();

const peer = fork(new URL("peer.mjs", import.meta.url), ["churn", port.getHost().port, driver]);
peer.on("exit", (code) => {
  if (code !== 0) throw new Error(`The clients ended with ${code}.`);
});
const memory = new Memory();
const began = performance.now();
for (let step = 1; step <= STEPS; step++) {
  peer.send({ cycles: cycles / STEPS });
  const [{ resident }] = await once(peer, "message");
  const rate = ((step * cycles) / STEPS / (performance.now() - began)) * 1000;
  memory.sample(`${(step * cycles) / STEPS} cycles, ${rate.toFixed(0)} a second`, resident);
}
const { connections, lingering } = reactor.stats();
memory.conclude(`${built} connections accepted, ${connections - 1} open and ${lingering} lingering now, ${driver}`);
peer.disconnect();
await once(peer, "exit");
reactor.stop();
await ended;
