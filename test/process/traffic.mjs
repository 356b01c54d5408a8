/** A reactor that is busy with itself: an echo server and clients that never stop asking, owning and borrowing. */
import { load } from "./dist.mjs";

const { NativeReactor } = await load("internet/reactor/native.js");
const { ClientFactory, Factory, Protocol } = await load("internet/protocol.js");

class Echo extends Protocol {
  dataReceived(data) {
    this.transport.write(data);
  }
}

class BorrowingEcho extends Echo {
  static borrows = true;
}

/** Asks again after each answer. `onAnswer(count)` hears of each; when it returns false the client closes. */
class Asker extends Protocol {
  missing = 0;

  connectionMade() {
    this.ask();
  }

  ask() {
    const { message } = this.factory;
    this.missing = message.length;
    this.transport.write(message);
  }

  dataReceived(data) {
    this.missing -= data.length;
    if (this.missing > 0) return;
    const goOn = this.factory.onAnswer(++this.factory.answers, this);
    if (goOn === false) this.transport.loseConnection();
    else this.ask();
  }
}

class BorrowingAsker extends Asker {
  static borrows = true;
}

class Askers extends ClientFactory {
  answers = 0;
  built = 0;

  constructor(options) {
    super();
    this.message = Buffer.alloc(options.bytes ?? 64, "skein");
    this.onAnswer = options.onAnswer ?? (() => true);
    this.onLost = options.onLost ?? (() => undefined);
  }

  buildProtocol() {
    const asker = this.built++ % 2 === 0 ? new Asker() : new BorrowingAsker();
    asker.factory = this;
    return asker;
  }

  clientConnectionFailed(_connector, reason) {
    throw reason.value;
  }

  clientConnectionLost(_connector, reason) {
    this.onLost(reason);
  }
}

/**
 * A reactor with a server and `clients` clients (4), which begin once it runs.
 * Options: onAnswer(count, asker), onLost(reason), bytes (64), clients.
 */
export function makeTraffic(driver, options = {}) {
  const reactor = new NativeReactor("epoll", { driver });
  let built = 0;
  const echoes = new Factory();
  echoes.buildProtocol = () => (built++ % 4 < 2 ? new Echo() : new BorrowingEcho());
  const port = reactor.listenTCP(0, echoes, { interface: "127.0.0.1" });
  const askers = new Askers(options);
  for (let i = 0; i < (options.clients ?? 4); i++) {
    reactor.connectTCP("127.0.0.1", port.getHost().port, askers);
  }
  return { reactor, port };
}
