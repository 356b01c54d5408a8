/**
 * An echo over 50 connections without a pause, of messages from 64 bytes to 100 KiB: does memory stay flat?
 *
 *   node test/soak/echo.mjs [--seconds 600] [--driver pollable]
 *
 * The clients run in another process. Resident memory after a tenth of the time is compared with that at the end.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { load } from "../process/dist.mjs";
import { Memory, option, STEPS } from "./measure.mjs";

const { NativeReactor } = await load("internet/reactor/native.js");
const { Factory, Protocol } = await load("internet/protocol.js");

const seconds = option("seconds", 600);
const driver = option("driver", "pollable");

class Echo extends Protocol {
  dataReceived(data) {
    this.transport.write(data);
  }
}

class BorrowingEcho extends Echo {
  static borrows = true;
}

let built = 0;
const factory = new Factory();
factory.buildProtocol = () => (built++ % 2 === 0 ? new Echo() : new BorrowingEcho());
const reactor = new NativeReactor("epoll", { driver });
const port = reactor.listenTCP(0, factory, { interface: "127.0.0.1" });
const ended = reactor.run();

const peer = fork(new URL("peer.mjs", import.meta.url), ["echo", port.getHost().port, driver]);
peer.on("exit", (code) => {
  if (code !== 0) throw new Error(`The clients ended with ${code}.`);
});
await once(peer, "message");
const memory = new Memory();
let messages = 0;
for (let step = 1; step <= STEPS; step++) {
  peer.send({ milliseconds: (seconds * 1000) / STEPS });
  const [{ done, resident }] = await once(peer, "message");
  messages += done;
  memory.sample(`${(step * seconds) / STEPS} s, ${messages} messages`, resident);
}
memory.conclude(`${messages} messages in ${seconds} s, ${driver}`);
peer.disconnect();
await once(peer, "exit");
reactor.stop();
await ended;
