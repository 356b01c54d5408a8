/**
 * A borrowing server that closes a connection when it is told "bye", and counts the bytes of the others.
 *
 * On the pollable driver, whose one wait brings all there is. Tells its parent { port }, and answers
 * every message with { received, lingering }.
 */
import { load } from "../process/dist.mjs";

const { NativeReactor } = await load("internet/reactor/native.js");
const { Factory, Protocol } = await load("internet/protocol.js");

let received = 0;

class Counter extends Protocol {
  static borrows = true;

  dataReceived(data) {
    if (data.toString() === "bye") this.transport.loseConnection();
    else received += data.length;
  }
}

const reactor = new NativeReactor("epoll", { driver: "pollable" });
const port = reactor.listenTCP(0, Factory.forProtocol(Counter), { interface: "127.0.0.1" });
process.on("message", () => process.send({ received, lingering: reactor.stats().lingering }));
process.on("disconnect", () => process.exit());
process.send({ port: port.getHost().port });
await reactor.run();
