/** A reactor over Node's own sockets that is crashed with everything open: that holds the process no longer. */
import { load } from "../process/dist.mjs";

const { ClientFactory, Factory, Protocol } = await load("internet/protocol.js");
const { NodeReactor } = await load("internet/reactor/node.js");

const reactor = new NodeReactor();
const ended = reactor.run({ installSignalHandlers: false });
const { port } = reactor.listenTCP(0, Factory.forProtocol(Protocol), { interface: "127.0.0.1" }).getHost();

class Client extends Protocol {
  connectionMade() {
    // Nothing but the reactor holds the process meanwhile.
    setTimeout(() => {
      console.log("held");
      reactor.crash();
    }, 100).unref();
  }
}

class OneClient extends ClientFactory {
  protocol = Client;
}

reactor.connectTCP("127.0.0.1", port, new OneClient());
await ended;
console.log("left");
