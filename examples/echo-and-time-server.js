// @ts-check
/**
 * Two protocols in one process: an echo on one port, and on the other the time, once a second, to everybody who says
 * anything.
 *
 *   node examples/echo-and-time-server.js [ECHO_PORT [TIME_PORT]]     then, elsewhere:  nc localhost 1235
 */
import { Factory, LoopingCall, Protocol } from "skein";
import { reactor } from "skein/reactor";

class Echo extends Protocol {
  /** @param {Buffer} data */
  dataReceived(data) {
    this.transport.write(data);
  }
}

class Time extends Protocol {
  clock = new LoopingCall(() => this.transport.write(`The time is: ${new Date().toUTCString()}\n`));

  dataReceived() {
    if (!this.clock.running) this.clock.start(1, false);
  }

  // Else the calls would go on for ever, and keep this protocol alive.
  connectionLost() {
    if (this.clock.running) this.clock.stop();
  }
}

const echo = reactor.listenTCP(Number(process.argv[2] ?? 1234), Factory.forProtocol(Echo));
const time = reactor.listenTCP(Number(process.argv[3] ?? 1235), Factory.forProtocol(Time));
reactor.callWhenRunning(() =>
  console.log(`Echo on ${echo.getHost()}, time on ${time.getHost()}. Press Ctrl-C to stop.`),
);
await reactor.run();
