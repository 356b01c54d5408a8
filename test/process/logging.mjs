// A service that logs each line of its clients, and answers it. argv[2]: how often it logs each line.
// "bye" ends it. Each answer has the largest number of bytes that were queued for standard error, and a JSON string of the
// warnings of the process.
import { load } from "./dist.mjs";

const { Factory } = await load("internet/protocol.js");
const { LineReceiver } = await load("protocols/basic/line.js");
const { reactor } = await load("internet/reactor/reactor.js");
const { msg } = await load("logger/log.js");
const { sinkOf } = await load("logger/output.js");

const times = Number(process.argv[2]);
let most = 0;

class Service extends LineReceiver {
  lineReceived(line) {
    const text = Buffer.from(line).toString("latin1");
    if (text === "exit") process.exit();
    if (text === "bye") {
      this.sendLine("bye");
      this.transport.loseConnection();
      reactor.stop();
      return;
    }
    for (let i = 0; i < times; i++) msg(`A peer sent ${text}`);
    most = Math.max(most, sinkOf(process.stderr).queued);
    this.sendLine(`${text} ${most} ${process.stderr.listenerCount("error")}`);
  }
}

const factory = new Factory();
factory.noisy = false;
factory.buildProtocol = () => new Service();
const port = reactor.listenTCP(0, factory, { interface: "127.0.0.1" });
reactor.callWhenRunning(() => process.stdout.write(`port ${port.getHost().port}\n`));
await reactor.run();
