/**
 * Each place where a peer's bytes, or those of a command line, can reach a log, an error, a terminal or a file name. A place
 * is given a string of the corpus and returns the texts that it shows to people, and the errors that it fails with; what it
 * logs is collected by the test.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { afterAll } from "vitest";
import { Deferred, fail, gatherResults, race, succeed } from "../../../src/entries/defer.ts";
import { IPv4Address } from "../../../src/internet/address.ts";
import type { ClientEndpoint } from "../../../src/internet/endpoints/interfaces.ts";
import { clientFromString, serverFromString } from "../../../src/internet/endpoints/registry.ts";
import { TCP4ClientEndpoint } from "../../../src/internet/endpoints/tcp.ts";
import { CannotListenError, getConnectError } from "../../../src/internet/error.ts";
import { Failure } from "../../../src/internet/failure.ts";
import type { Connector, ProtocolLike, ReactorTCP } from "../../../src/internet/interfaces.ts";
import { ClientFactory, Factory, Protocol } from "../../../src/internet/protocol.ts";
import { resolve } from "../../../src/internet/reactor/resolve.ts";
import { rotatingFileLogObserver } from "../../../src/logger/file.ts";
import { err, Logger, msg } from "../../../src/logger/logger.ts";
import { LineReceiver } from "../../../src/protocols/basic/line.ts";
import { type Chat, ChatFactory } from "../../../src/protocols/chat.ts";
import { Finger } from "../../../src/protocols/finger.ts";
import { HAProxyWrappingFactory, proxyHeader, UNIXAddress } from "../../../src/protocols/haproxy.ts";
import { IdentClient, IdentServer } from "../../../src/protocols/ident.ts";
import { MemCacheProtocol } from "../../../src/protocols/memcache.ts";
import { SpewingFactory } from "../../../src/protocols/policies/spewing.ts";
import { TrafficLoggingFactory } from "../../../src/protocols/policies/traffic.ts";
import { programLog } from "../../../src/protocols/socks/log.ts";
import { SOCKS4ClientEndpoint, SOCKSv4Factory } from "../../../src/protocols/socks.ts";
import { fromDuplex } from "../../../src/streams/duplextransport.ts";
import { Clock } from "../../../src/testing/clock.ts";
import { MemoryReactorClock } from "../../../src/testing/memoryreactor.ts";
import { Simulation } from "../../../src/testing/simulation/simulation.ts";
import { FakeReactor, FakeTransport } from "../../helpers/fake-transport.ts";
import type { HostileString } from "./corpus.ts";

export interface Shown {
  /** What people see on their terminals: other members, those who asked. */
  readonly terminal?: readonly string[];
  readonly errors?: readonly unknown[];
}

export interface Place {
  readonly name: string;
  /** The modules of src/ that show peers' bytes there. */
  readonly modules: readonly string[];
  readonly send: (hostile: HostileString) => Shown | Promise<Shown>;
  /** Most strings are accepted there, and shown nowhere. */
  readonly accepts?: boolean;
}

const NONE: Shown = {};

const OPEN_DIRECTORY = mkdtempSync(join(tmpdir(), "skein-strings-"));
chmodSync(OPEN_DIRECTORY, 0o777);
afterAll(() => rmSync(OPEN_DIRECTORY, { recursive: true }));

/** Text and errors of a Deferred's end so far. */
function failures(...all: Deferred<unknown>[]): unknown[] {
  const found: unknown[] = [];
  for (const one of all) {
    one.addErrback((failure) => {
      found.push(failure.value);
    });
  }
  return found;
}

function connected(protocol: ProtocolLike): FakeTransport {
  return new FakeTransport().connect(protocol as Protocol);
}

function logged(errors: readonly unknown[]): Shown {
  for (const error of errors) {
    err(error, "A request failed");
    msg(`It failed: ${new Failure(error).getErrorMessage()}`);
    msg(`It failed: ${error}`);
  }
  return { errors };
}

function memcache(ask: (client: MemCacheProtocol) => Deferred<unknown>, reply: (bytes: Buffer) => Buffer[]) {
  return ({ bytes }: HostileString): Shown => {
    const client = new MemCacheProtocol({ clock: new Clock() });
    const transport = connected(client);
    const found = failures(ask(client));
    try {
      transport.receive(Buffer.concat(reply(bytes)));
    } catch (error) {
      found.push(error); // which ends the connection
    }
    client.connectionLost(new Failure(new Error("over")));
    return logged(found);
  };
}

const line = (...parts: (string | Buffer)[]): Buffer =>
  Buffer.concat([...parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)), Buffer.from("\r\n")]);

/** Two members of a chat; what the second sees of the first. */
function chat(say: (transport: FakeTransport, bytes: Buffer) => void) {
  return ({ bytes }: HostileString): Shown => {
    const factory = new ChatFactory(new Clock());
    const visit = (): FakeTransport => {
      const transport = new FakeTransport();
      return transport.connect(factory.buildProtocol(transport.getPeer()) as Chat);
    };
    const [alice, mallory] = [visit(), visit()];
    alice.receive("alice\r\n");
    say(mallory, bytes);
    alice.receive("/names\r\n");
    // The chat lets joiners through, which emoji and Persian need; without bidirectional controls they move nothing.
    return { terminal: [alice.take(), mallory.take()].map((seen) => seen.replace(/[\u200c\u200d]/g, "")) };
  };
}

function haproxy(header: (bytes: Buffer) => Buffer) {
  return ({ bytes }: HostileString): Shown => {
    let shown = "";
    class Greeter extends Protocol {
      override connectionMade(): void {
        shown = String(this.transport.getPeer());
        msg(`A connection from ${this.transport.getPeer()}`);
        new Logger("x").info("{peer}", { peer: this.transport.getPeer() });
      }
    }
    const factory = new HAProxyWrappingFactory(Factory.forProtocol(Greeter), { trusted: "any", clock: new Clock() });
    const transport = new FakeTransport();
    const protocol = factory.buildProtocol(transport.getPeer());
    if (protocol === null) return NONE;
    transport.connect(protocol as unknown as Protocol);
    transport.receive(header(bytes));
    return { terminal: [shown] };
  };
}

/** A header of version 2 for UNIX sockets with a path of any bytes. */
function unixHeader(path: Buffer): Buffer {
  const name = Buffer.alloc(108);
  path.copy(name);
  const fixed = proxyHeader({ source: new UNIXAddress("/a"), destination: new UNIXAddress("/b") });
  return Buffer.concat([fixed.subarray(0, 16), name, Buffer.alloc(108)]);
}

class Echoing extends LineReceiver {
  override lineReceived(received: Buffer): void {
    msg(`A peer sent ${received}`);
    throw new RangeError(`${received.toString("latin1")} is not known`);
  }
}

function receiver({ bytes }: HostileString): Shown {
  const transport = connected(new Echoing());
  try {
    transport.receive(line(bytes));
  } catch (error) {
    logged([error]); // the program's own, whose message is as it wrote it
  }
  return NONE;
}

const tried = (f: () => unknown): Shown => {
  try {
    f();
    return NONE;
  } catch (error) {
    return logged([error]);
  }
};

/** A reactor that opens nothing. */
const REACTOR = new FakeReactor() as unknown as ReactorTCP;

function socks(request: (bytes: Buffer) => Buffer) {
  return ({ bytes }: HostileString): Shown => {
    const reactor = new MemoryReactorClock();
    const factory = new SOCKSv4Factory(reactor, programLog(reactor));
    const transport = new FakeTransport();
    transport.connect(factory.buildProtocol(transport.getPeer()) as unknown as Protocol);
    transport.receive(request(bytes));
    return NONE;
  };
}

const CONNECT = Buffer.from([4, 1, 0, 80]);
const NUL = Buffer.from([0]);

export const PLACES: readonly Place[] = [
  {
    name: "a log message",
    modules: ["src/logger/text.ts", "src/logger/json.ts"],
    send: ({ text }) => {
      msg(text);
      return NONE;
    },
  },
  {
    name: "a field, a format, a namespace and a source of a logger",
    modules: ["src/logger/format.ts"],
    send: ({ text }) => {
      const log = new Logger("x", { source: { [text]: text } });
      log.info("{peer} {peer.name} {log_source}", { peer: text });
      log.info("{peer} {peer.name} {peer.list}", {
        peer: { name: text, [text]: 1, list: [text, new Map([[text, text]])] },
      });
      log.info(text, { peer: text });
      new Logger(text, { source: text }).emit(text as "info", "{log_source}", { [text]: text });
      return NONE;
    },
  },
  {
    name: "an error, as a peer's text is put into one",
    modules: ["src/logger/describe.ts", "src/internet/failure.ts"],
    send: ({ text }) => {
      const error = Object.assign(new Error(text, { cause: new AggregateError([text, new Error(text)], text) }), {
        name: text,
      });
      err(error, text);
      const failure = new Failure(error);
      return { terminal: [String(failure), failure.getTraceback(), failure.getBriefTraceback()] };
    },
  },
  {
    name: "what several Deferreds failed with",
    modules: ["src/internet/defer/deferredlist.ts", "src/internet/defer/race.ts"],
    // The causes are the program's own.
    send: ({ text }) => {
      const failed = (): Deferred<never> => fail(new Error(text));
      const errors = failures(gatherResults([failed()]), race([failed(), failed()]));
      return { terminal: errors.map((error) => `${error}\n${(error as Error).stack}`) };
    },
  },
  {
    name: "a stream that fails",
    modules: ["src/streams/duplextransport.ts"],
    send: async ({ text }) => {
      const duplex = new Duplex({ read() {}, write() {} });
      const lost = await new Promise<Error>((resolve) => {
        class Losing extends Protocol {
          override connectionLost({ value }: Failure): void {
            resolve(value as Error);
          }
        }
        fromDuplex(duplex, new Losing());
        duplex.destroy(new Error(text));
      });
      return { terminal: [`${lost}\n${lost.stack}`] };
    },
  },
  {
    name: "why a connection was lost whose traffic is logged",
    modules: ["src/protocols/policies/traffic.ts"],
    send: ({ text }) => {
      const lines: string[] = [];
      const factory = new TrafficLoggingFactory(Factory.forProtocol(Protocol), (one) => lines.push(one));
      const transport = new FakeTransport();
      const protocol = factory.buildProtocol(transport.getPeer()) as unknown as Protocol;
      transport.connect(protocol);
      protocol.connectionLost(new Failure(new Error(text)));
      return { terminal: lines };
    },
  },
  { name: "an error in lineReceived()", modules: ["src/protocols/basic/line.ts"], send: receiver },
  {
    name: "what a spewing protocol shows",
    modules: ["src/protocols/policies/spewing.ts"],
    send: ({ bytes }) => {
      const factory = new SpewingFactory(Factory.forProtocol(Protocol));
      const transport = new FakeTransport();
      transport.connect(factory.buildProtocol(transport.getPeer()) as unknown as Protocol);
      transport.receive(bytes);
      return NONE;
    },
  },
  {
    name: "PROXY headers of version 1",
    modules: ["src/logger/refusals.ts", "src/protocols/haproxy/v1.ts", "src/protocols/haproxy/reader.ts"],
    send: haproxy((bytes) => line("PROXY TCP4 ", bytes.subarray(0, 60), " 127.0.0.1 1 2")),
  },
  {
    name: "PROXY headers that are none",
    modules: ["src/protocols/haproxy/reader.ts"],
    send: haproxy((bytes) => line(bytes)),
  },
  {
    name: "paths in PROXY headers of version 2",
    modules: ["src/protocols/haproxy/v2.ts", "src/internet/address.ts"],
    send: haproxy((bytes) => unixHeader(bytes.subarray(0, 108))),
  },
  {
    name: "the path of a UNIX address",
    modules: ["src/internet/address.ts"],
    send: ({ text }) => {
      const address = new UNIXAddress(text);
      msg(`A connection from ${address}`);
      new Logger("x").info("{address}", { address });
      return { terminal: [String(address)] };
    },
  },
  ...["SERVER_ERROR ", "CLIENT_ERROR ", "VERSION ", "STAT ", "VALUE ", "STORED ", ""].map((word) => ({
    name: `memcache's reply ${word}`,
    modules: ["src/protocols/memcache.ts", "src/protocols/memcache/commands.ts"],
    send: memcache(
      (client) => client.get("key"),
      (bytes) => [line(word, bytes, " 0 1"), line(word, bytes)],
    ),
  })),
  {
    name: "a key of memcache",
    modules: ["src/protocols/memcache.ts"],
    send: ({ text }) => logged(failures(new MemCacheProtocol({ clock: new Clock() }).get(text))),
  },
  {
    name: "ident queries",
    modules: ["src/protocols/ident.ts"],
    send: ({ bytes, text }) => {
      const terminal = [line("1, 2 ", bytes), line("1, 2")].map((query) => {
        const server = new (class extends IdentServer {
          override lookup(): never {
            throw new Error(text);
          }
        })();
        server.clock = new Clock();
        const transport = connected(server);
        transport.receive(query);
        return transport.take();
      });
      return { terminal };
    },
  },
  ...["", "1, 2 : USERID : UNIX : ", "1, 2 : USERID : ", "1, 2 : ERROR : "].map((before) => ({
    name: `ident answers "${before}"`,
    modules: ["src/protocols/ident.ts", "src/protocols/ident/error.ts"],
    send: ({ bytes }: HostileString): Shown => {
      const client = new IdentClient();
      client.clock = new Clock();
      const transport = connected(client);
      const found = failures(client.lookup(1, 2));
      transport.receive(line(before, bytes));
      transport.receive(line(before, bytes)); // no reply is outstanding
      client.connectionLost(new Failure(new Error("over")));
      return logged(found);
    },
  })),
  {
    name: "the user of a SOCKS request",
    modules: ["src/protocols/socks.ts", "src/protocols/socks/log.ts"],
    send: socks((bytes) => Buffer.concat([CONNECT, Buffer.from([192, 0, 2, 1]), bytes, NUL])),
  },
  {
    name: "the host of a SOCKS request",
    modules: ["src/protocols/socks.ts", "src/protocols/socks/request.ts"],
    send: socks((bytes) => Buffer.concat([CONNECT, Buffer.from([0, 0, 0, 1]), NUL, bytes, NUL])),
  },
  {
    name: "finger queries",
    modules: ["src/protocols/finger.ts"],
    send: ({ bytes, text }) => {
      const asked = connected(new Finger());
      asked.receive(line(bytes));
      const failing = connected(
        new (class extends Finger {
          override getUser(): never {
            throw new Error(text);
          }
        })(),
      );
      failing.receive(line(bytes));
      return { terminal: [asked.take(), failing.take()] };
    },
  },
  {
    name: "names in the chat",
    modules: ["src/protocols/chat.ts"],
    send: chat((one, bytes) => one.receive(line(bytes))),
  },
  {
    name: "lines in the chat",
    modules: ["src/protocols/chat.ts"],
    send: chat((one, bytes) => one.receive(line("mallory\r\n", bytes))),
  },
  {
    name: "commands in the chat",
    modules: ["src/protocols/chat.ts"],
    send: chat((one, bytes) => one.receive(line("mallory\r\n/", bytes, "\r\n/me ", bytes, "\r\n/quit ", bytes))),
  },
  {
    name: "an interface that is none",
    modules: ["src/internet/error.ts"],
    send: ({ text }) => logged([new CannotListenError(text, 1, 22)]),
  },
  {
    name: "the host of an attempt",
    modules: ["src/internet/stream/connector.ts"],
    send: ({ text }) => {
      const { reactor } = new Simulation().host("client");
      reactor.resolve = () => new Deferred<string>();
      const found: unknown[] = [getConnectError(22, text)];
      class Told extends ClientFactory {
        override clientConnectionFailed(_connector: Connector, { value }: Failure): void {
          found.push(value);
        }
      }
      reactor.connectTCP(text || "x", 1, new Told()).stopConnecting();
      const attempt = new TCP4ClientEndpoint(reactor, text || "x", 1).connect(Factory.forProtocol(Protocol));
      const ended = failures(attempt);
      attempt.cancel();
      return logged([...found, ...ended]);
    },
  },
  {
    name: "the host of a connection through a SOCKS server",
    modules: ["src/protocols/socks/client.ts"],
    send: ({ text }) => {
      let transport: FakeTransport | null = null;
      const proxy: ClientEndpoint = {
        connect: (factory) => {
          const built = factory.buildProtocol(new IPv4Address("TCP", "192.0.2.1", 1080));
          transport = new FakeTransport().connect(built as ProtocolLike);
          return succeed(built) as Deferred<never>;
        },
      };
      const attempt = new SOCKS4ClientEndpoint(proxy, text || "x", 1).connect(Factory.forProtocol(Protocol));
      (transport as FakeTransport | null)?.receive(Buffer.from([0, 91, 0, 0, 0, 0, 0, 0]));
      return logged(failures(attempt));
    },
  },
  ...["", "tcp:", "tcp:1:interface=", "tcp:1:", "haproxy:", "haproxy:trusted="].map((before) => ({
    name: `descriptions of servers: ${before}…`,
    modules: ["src/internet/endpoints/registry.ts", "src/internet/endpoints/description.ts"],
    send: ({ text }: HostileString) => tried(() => serverFromString(REACTOR, before + text)),
    accepts: before.startsWith("tcp:1:"),
  })),
  ...["", "tcp:", "tcp:host:", "tcp:host:1:"].map((before) => ({
    name: `descriptions of clients: ${before}…`,
    modules: ["src/internet/endpoints/registry.ts"],
    send: ({ text }: HostileString) => tried(() => clientFromString(REACTOR, before + text)),
  })),
  {
    name: "names of hosts",
    modules: ["src/internet/reactor/resolve.ts"],
    send: async ({ text }) => {
      const looked = resolve(text);
      const found = failures(looked);
      await looked;
      return logged(found);
    },
  },
  {
    name: "names of log files",
    modules: ["src/logger/logpath.ts"],
    // A directory to which everybody may write.
    send: ({ text }) => tried(() => rotatingFileLogObserver(`${OPEN_DIRECTORY}/${text.replaceAll("/", "_")}`)),
  },
];

/** Modules of src/protocols and src/streams that log, but nothing that a peer sends. */
export const OWN_WORDS: Readonly<Record<string, string>> = {
  "src/protocols/policies/throttling.ts": "names its own class",
  "src/protocols/ident/proc.ts": "shows an error of reading the system's tables",
  "src/protocols/guard.ts": "names the protocol's class, and an error of the program",
  "src/protocols/htb/consumer.ts": "names the producer's class, and an error of the program",
  "src/protocols/portforward.ts": "shows why a connection failed, which the system says",
  "src/streams/duplextransport.ts": "names the protocol's class, and an error of the program",
  "src/streams/takeover.ts": "shows an error of the program",
};
