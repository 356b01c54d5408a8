/**
 * Skein as a server that sends back what it receives.
 *
 *   --protocol raw            the bytes as they come
 *   --protocol lines|int32    message by message, through LineReceiver or Int32StringReceiver
 */
import { parseArgs } from "node:util";
import { Factory, Protocol } from "../../dist/internet/protocol.js";
import { reactor } from "../../dist/internet/reactor/reactor.js";
import { Int32StringReceiver, LineReceiver } from "../../dist/entries/protocols/basic.js";

const { values } = parseArgs({ options: { protocol: { type: "string", default: "raw" } } });

class Raw extends Protocol {
  static borrows = true;
  dataReceived(data) {
    this.transport.write(data);
  }
}

class Lines extends LineReceiver {
  lineReceived(line) {
    this.sendLine(line);
  }
}

class Int32 extends Int32StringReceiver {
  stringReceived(string) {
    this.sendString(string);
  }
}

const protocol = { raw: Raw, lines: Lines, int32: Int32 }[values.protocol];
const port = reactor.listenTCP(0, Factory.forProtocol(protocol), { interface: "127.0.0.1", backlog: 1024 });
reactor.callWhenRunning(() => console.log(`LISTENING ${port.getHost().port}`));
await reactor.run();
