// @ts-check
/**
 * Greets, and repeats every line. What a chat server begins with; `skein serve chat` is a whole one.
 *
 *   node examples/chat-server.js [PORT]     then, elsewhere:  nc -C localhost 1234
 *
 * A line ends with CR LF here, which is what `nc -C` and telnet send.
 */
import { Factory } from "skein";
import { LineReceiver } from "skein/protocols/basic";
import { reactor } from "skein/reactor";

class Chat extends LineReceiver {
  connectionMade() {
    this.sendLine("Welcome to the chat server!");
  }

  /** @param {Buffer} line */
  lineReceived(line) {
    this.sendLine(`You said: ${line}`);
  }
}

class ChatFactory extends Factory {
  buildProtocol() {
    return new Chat();
  }
}

const port = reactor.listenTCP(Number(process.argv[2] ?? 1234), new ChatFactory());
reactor.callWhenRunning(() => console.log(`Chat on ${port.getHost()}. Press Ctrl-C to stop.`));
await reactor.run();
