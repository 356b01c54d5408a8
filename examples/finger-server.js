// @ts-check
/**
 * Who is where? A server that answers a line with a line. The users may be in a database: getUser() gives a Deferred.
 *
 *   node examples/finger-server.js [PORT]     then, elsewhere:  echo ann | nc localhost 1079
 */
import { deferLater, Factory, serverFromString } from "skein";
import { LineReceiver } from "skein/protocols/basic";
import { TimeoutMixin } from "skein/protocols/policies";
import { reactor } from "skein/reactor";

class Finger extends TimeoutMixin(LineReceiver) {
  delimiter = "\n";

  connectionMade() {
    this.setTimeout(30);
  }

  /** @param {Buffer} line */
  lineReceived(line) {
    const factory = /** @type {FingerFactory} */ (this.factory);
    factory
      .getUser(line.toString().trim())
      .addErrback((failure) => {
        console.error(failure.getErrorMessage());
        return "Internal error in server";
      })
      .addCallback((text) => {
        this.sendLine(text);
        this.transport.loseConnection();
      });
  }
}

class FingerFactory extends Factory {
  protocol = Finger;
  users = new Map([
    ["ann", "at her desk"],
    ["bob", "gone fishing"],
  ]);

  /** @param {string} name */
  getUser(name) {
    return deferLater(reactor, 0, () => {
      if (name === "") throw new RangeError("somebody asked for nobody");
      return this.users.get(name) ?? "No such user";
    });
  }
}

const port = await serverFromString(reactor, `tcp:${process.argv[2] ?? 1079}`).listen(new FingerFactory());
reactor.callWhenRunning(() => console.log(`Finger on ${port.getHost()}. Press Ctrl-C to stop.`));
await reactor.run();
