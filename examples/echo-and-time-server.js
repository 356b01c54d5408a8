// @ts-check
/**
 * Two protocols in one process: an echo on one port, and on the other the time, once a second, to everybody who says
 * anything.
 *
 *   node examples/echo-and-time-server.js [ECHO_PORT [TIME_PORT]]     then, elsewhere:  nc localhost 1235
 */
import { Factory, Protocol } from "skein";
import { reactor } from "skein/reactor";

class Echo extends Protocol {
  /** @param {Buffer} data */
  dataReceived(data) {
    this.transport.write(data);
  }
}

class Time extends Protocol {
  /** @type {import("skein").DelayedCall | undefined} */
  next;

  dataReceived() {
    this.next ??= reactor.callLater(1, () => this.sendTime());
  }

  sendTime() {
    this.transport.write(`The time is: ${new Date().toUTCString()}\n`);
    this.next = reactor.callLater(1, () => this.sendTime());
  }

  // Else the calls would go on for ever, and keep this protocol alive.
  connectionLost() {
    if (this.next?.active()) this.next.cancel();
  }
}

const echo = reactor.listenTCP(Number(process.argv[2] ?? 1234), Factory.forProtocol(Echo));
const time = reactor.listenTCP(Number(process.argv[3] ?? 1235), Factory.forProtocol(Time));
reactor.callWhenRunning(() =>
  console.log(`Echo on ${echo.getHost()}, time on ${time.getHost()}. Press Ctrl-C to stop.`),
);
await reactor.run();
