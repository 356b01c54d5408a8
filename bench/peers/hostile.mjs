/**
 * A process that speaks with hostile peers, and tells what they cost it.
 *
 *   --protocol NAME          one of those below
 *   --to PORT                for a client: the port of the hostile server
 *
 * It answers "mark" by noting what it has, and "used" by what it has used since then.
 */
import { parseArgs } from "node:util";
import { Factory, Protocol } from "../../dist/internet/protocol.js";
import { TCP4ClientEndpoint } from "../../dist/internet/endpoints/tcp.js";
import { connectProtocol } from "../../dist/internet/endpoints/connectprotocol.js";
import { reactor } from "../../dist/internet/reactor/reactor.js";
import { TcpConnection } from "../../dist/internet/stream/connection.js";
import { setObserver } from "../../dist/logger/log.js";
import {
  Int8StringReceiver,
  Int16StringReceiver,
  Int32StringReceiver,
  LineOnlyReceiver,
  LineReceiver,
  NetstringReceiver,
  StatefulStringProtocol,
} from "../../dist/entries/protocols/basic.js";
import { ChatFactory } from "../../dist/protocols/chat.js";
import { Finger, FingerClient } from "../../dist/entries/protocols/finger.js";
import { HAProxyWrappingFactory } from "../../dist/entries/protocols/haproxy.js";
import { IdentClient, IdentServer, ProcIdentServer } from "../../dist/entries/protocols/ident.js";
import { MemCacheProtocol } from "../../dist/entries/protocols/memcache.js";
import { ProxyFactory } from "../../dist/entries/protocols/portforward.js";
import { SOCKS4ClientEndpoint, SOCKSv4Factory } from "../../dist/entries/protocols/socks.js";
import { StatefulProtocol } from "../../dist/entries/protocols/stateful.js";
import { Chargen, Daytime, Discard, Echo, QOTD, Time, Who } from "../../dist/entries/protocols/wire.js";

const { values } = parseArgs({ options: { protocol: { type: "string" }, to: { type: "string" } } });

/** What the log costs is another question. */
setObserver(() => {});

const ignoringLines = (Base) =>
  class extends Base {
    lineReceived() {}
  };
const echoingLines = (Base) =>
  class extends Base {
    lineReceived(line) {
      this.sendLine(line);
    }
  };
const echoingStrings = (Base) =>
  class extends Base {
    stringReceived(string) {
      this.sendString(string);
    }
  };

class SwitchingLines extends LineReceiver {
  lineReceived() {
    this.setRawMode();
  }
  rawDataReceived(data) {
    this.setLineMode(data.subarray(2));
  }
}

class States extends StatefulProtocol {
  getInitialState() {
    return [(byte) => void this.transport.write(byte), 1];
  }
}

class StringStates extends StatefulStringProtocol(Int8StringReceiver) {
  proto_init(string) {
    this.sendString(string);
    return "init";
  }
}

class FixedIdent extends IdentServer {
  lookup() {
    return ["UNIX", "somebody"];
  }
}

const of = (protocol) => () => Factory.forProtocol(protocol);

/** Makes the factory of a server. */
const SERVERS = {
  "lines, ignored": of(ignoringLines(LineOnlyReceiver)),
  LineOnlyReceiver: of(echoingLines(LineOnlyReceiver)),
  LineReceiver: of(SwitchingLines),
  Int8StringReceiver: of(echoingStrings(Int8StringReceiver)),
  Int16StringReceiver: of(echoingStrings(Int16StringReceiver)),
  Int32StringReceiver: of(echoingStrings(Int32StringReceiver)),
  NetstringReceiver: of(echoingStrings(NetstringReceiver)),
  StatefulStringProtocol: of(StringStates),
  StatefulProtocol: of(States),
  Echo: of(Echo),
  Discard: of(Discard),
  Chargen: of(Chargen),
  Daytime: of(Daytime),
  QOTD: of(QOTD),
  Time: of(Time),
  Who: of(Who),
  Finger: of(Finger),
  IdentServer: of(FixedIdent),
  ProcIdentServer: of(ProcIdentServer),
  HAProxyWrappingFactory: () => new HAProxyWrappingFactory(Factory.forProtocol(Discard), { trusted: "any" }),
  SOCKSv4: () => new SOCKSv4Factory(reactor),
  ProxyServer: () => new ProxyFactory("127.0.0.1", Number(values.to), { reactor }),
  Chat: () => new ChatFactory(reactor),
};

/** Connects a client; resolves or rejects when it is done with its peer. */
const CLIENTS = {
  FingerClient: async (endpoint) => (await connectProtocol(endpoint, new FingerClient("somebody"))).answer,
  IdentClient: async (endpoint) => (await connectProtocol(endpoint, new IdentClient())).lookup(1, 1),
  "MemCacheProtocol.stats": async (endpoint) => (await connectProtocol(endpoint, new MemCacheProtocol())).stats(),
  "MemCacheProtocol.get": async (endpoint) => (await connectProtocol(endpoint, new MemCacheProtocol())).get("key"),
  SOCKS4ClientEndpoint: (_, port) =>
    new SOCKS4ClientEndpoint(new TCP4ClientEndpoint(reactor, "127.0.0.1", port), "192.0.2.1", 80).connect(
      Factory.forProtocol(Discard),
    ),
};

async function keepConnecting(client, port) {
  for (;;) {
    const endpoint = new TCP4ClientEndpoint(reactor, "127.0.0.1", port);
    await Promise.resolve(client(endpoint, port)).then(
      () => {},
      () => {},
    );
    // A client that has got its answer is done with the connection.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Bytes received from all connections. */
let received = 0;
const { received: deliver } = TcpConnection.prototype;
TcpConnection.prototype.received = function (data, lent) {
  received += data.length;
  deliver.call(this, data, lent);
};

let peak = 0;
let base = { memory: 0, micros: 0, received: 0 };
const micros = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};
const look = () => {
  peak = Math.max(peak, process.memoryUsage.rss());
};
setInterval(look, 5).unref();
process.on("message", (question) => {
  look();
  if (question === "mark") {
    base = { memory: process.memoryUsage.rss(), micros: micros(), received };
    peak = base.memory;
    process.send("marked");
  } else {
    process.send({ bytes: peak - base.memory, micros: micros() - base.micros, received: received - base.received });
  }
});
process.channel.unref();

const server = SERVERS[values.protocol];
const port = reactor.listenTCP(0, server?.() ?? Factory.forProtocol(Protocol), { interface: "127.0.0.1", backlog: 1024 });
reactor.callWhenRunning(() => {
  console.log(`LISTENING ${port.getHost().port}`);
  if (server === undefined) for (let i = 0; i < 4; i++) void keepConnecting(CLIENTS[values.protocol], Number(values.to));
});
await reactor.run();
