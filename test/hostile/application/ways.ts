/** The ways in which a program misbehaves inside a callback. */
import type { Connection } from "../../../src/entries/streams.ts";
import type { Connector, ListeningPort, Producer, Transport } from "../../../src/internet/interfaces.ts";
import { ClientFactory, Protocol, ServerFactory } from "../../../src/internet/protocol.ts";
import type { EngineReactor } from "../../../src/internet/reactor/engine.ts";
import type { TransportMember } from "../../helpers/transportmembers.ts";
import { ownLoopback } from "../../helpers/world.ts";
import { portOf } from "./neighbours.ts";
import type { Descriptor, Situation, Way } from "./plan.ts";
import { PROMISES, REJECTIONS, VALUES } from "./values.ts";

const BLOCK_MS = 200;

export const THROWS: readonly Way[] = VALUES.map(({ name, make }) => ({
  name: `throw ${name}`,
  run() {
    throw make();
  },
}));

/** Values and promises that nobody need handle. */
export const RETURNS: readonly Way[] = [...VALUES, ...PROMISES].map(({ name, make }) => ({
  name: `return ${name}`,
  run: () => make(),
}));

export const REJECTS: readonly Way[] = Object.entries(REJECTIONS).flatMap(([kind, wrap]) =>
  VALUES.map(({ name, make }) => ({ name: `return ${kind} ${name}`, run: () => wrap(make()) })),
);

export const BLOCK: Way = {
  name: `block for ${BLOCK_MS} ms`,
  run(_situation, otherwise) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCK_MS);
    return otherwise;
  },
};

// --- taking memory away ----------------------------------------------------------------------------------------------

const channel = new MessageChannel();
// Nobody reads what is posted; unreferenced, it keeps no process alive.
channel.port1.unref();
channel.port2.unref();

type Movable = ArrayBuffer & {
  transfer?(length?: number): ArrayBuffer;
  transferToFixedLength?(): ArrayBuffer;
  resize?(length: number): void;
};

const takings: Readonly<Record<string, (data: Buffer, memory: Movable) => unknown>> = {
  "structuredClone()": (data, memory) => structuredClone(data, { transfer: [memory] }),
  "structuredClone() of its memory": (_data, memory) => structuredClone(memory, { transfer: [memory] }),
  "postMessage()": (data, memory) => channel.port1.postMessage(data, [memory]),
  "transfer()": (_data, memory) => memory.transfer?.(),
  "transfer() to nothing": (_data, memory) => memory.transfer?.(0),
  "transferToFixedLength()": (_data, memory) => memory.transferToFixedLength?.(),
  "resize()": (_data, memory) => memory.resize?.(0),
  "a byte stream": (data) => intoByteStream(data),
  "a byte stream, a part of it": (data) => intoByteStream(data.subarray(data.length >> 1)),
  "a byte stream that fills it": (data) => fillByByteStream(data),
};

/** Take away the memory of what was received, by the way of that number. Some Nodes refuse some of them. */
export function takeAway(data: Buffer, which: number): void {
  const ways = Object.values(takings);
  attempt(() => ways[which % ways.length]!(data, data.buffer as Movable));
}

export const DETACHES: readonly Way[] = Object.keys(takings).map((name, which) => ({
  name: `transfer what was received by ${name}`,
  needs: "data",
  run({ data }, otherwise) {
    takeAway(data!, which);
    return otherwise;
  },
}));

function intoByteStream(data: Uint8Array): void {
  const stream = new ReadableStream({
    type: "bytes",
    start(controller) {
      controller.enqueue(data as Uint8Array<ArrayBuffer>);
    },
  });
  void stream.cancel();
}

/** A BYOB reader takes the memory of the view that it is given to fill. */
function fillByByteStream(data: Uint8Array): void {
  const stream = new ReadableStream({ type: "bytes" });
  const reader = stream.getReader({ mode: "byob" });
  reader.read(data as Uint8Array<ArrayBuffer>).catch(() => undefined);
  reader.cancel().catch(() => undefined);
}

// --- calling back ----------------------------------------------------------------------------------------------------

const quietProducer: Producer & { pauseProducing(): void; resumeProducing(): void } = {
  pauseProducing() {},
  resumeProducing() {},
  stopProducing() {},
};

/** Nothing is to arrive of it: it is written where nobody may hear it. */
export const POISON = Buffer.alloc(64, "poison. ");

type TransportCall = (transport: Transport) => unknown;

/** The methods of a transport that may be called at any time. */
const TRANSPORT = {
  "loseConnection()": (transport) => transport.loseConnection(),
  "abortConnection()": (transport) => transport.abortConnection(),
  "loseWriteConnection()": (transport) => transport.loseWriteConnection(),
  "getPeer()": (transport) => transport.getPeer(),
  "getHost()": (transport) => transport.getHost(),
  "registerProducer()": (transport) => transport.registerProducer(quietProducer, true),
  "registerProducer() that pulls": (transport) => transport.registerProducer(quietProducer, false),
  "unregisterProducer()": (transport) => transport.unregisterProducer(),
  "pauseProducing()": (transport) => transport.pauseProducing(),
  "resumeProducing()": (transport) => transport.resumeProducing(),
  "stopProducing()": (transport) => transport.stopProducing(),
  "setTcpNoDelay()": (transport) => transport.setTcpNoDelay(false),
  "getTcpNoDelay()": (transport) => transport.getTcpNoDelay(),
  "setTcpKeepAlive()": (transport) => transport.setTcpKeepAlive(true),
  "getTcpKeepAlive()": (transport) => transport.getTcpKeepAlive(),
  disconnecting: (transport) => transport.disconnecting,
  "write() and writeSequence() of nothing": (transport) => {
    transport.write("");
    transport.writeSequence(["", Buffer.alloc(0)]);
  },
} satisfies Record<string, TransportCall>;

const WHEN_LOST: Readonly<Record<TransportMember, TransportCall>> = {
  ...TRANSPORT,
  "write()": (transport) => transport.write(POISON),
  "writeSequence()": (transport) => transport.writeSequence([POISON, "poison"]),
  "switchProtocol()": (transport) => transport.switchProtocol(new Protocol()),
};

/** Every method of a transport, for one whose connection is lost: nobody may hear what it writes. */
export const LATE: Readonly<Record<string, TransportCall>> = WHEN_LOST;

const PORT: Readonly<Record<string, (port: ListeningPort) => unknown>> = {
  "startListening()": (port) => port.startListening(),
  "stopListening()": (port) => port.stopListening(),
  "stopListening() and startListening()": (port) => {
    port.stopListening();
    port.startListening();
  },
  "getHost()": (port) => port.getHost(),
  "[Symbol.asyncDispose]()": (port) => void port[Symbol.asyncDispose]().catch(() => undefined),
};

const CONNECTOR: Readonly<Record<string, (connector: Connector) => unknown>> = {
  "connect()": (connector) => connector.connect(),
  "stopConnecting()": (connector) => connector.stopConnecting(),
  "disconnect()": (connector) => connector.disconnect(),
  "getDestination()": (connector) => connector.getDestination(),
  state: (connector) => connector.state,
  "disconnect() and connect()": (connector) => {
    connector.disconnect();
    connector.connect();
  },
};

/** Every method of a stream handler's connection. What it rejects with is nobody's. */
const CONNECTION: Readonly<Record<string, (connection: Connection) => unknown>> = {
  "read()": (connection) => void connection.read().catch(() => undefined),
  "read() twice": (connection) => {
    for (let i = 0; i < 2; i++) connection.read().catch(() => undefined);
  },
  "unread()": (connection) => connection.unread(Buffer.alloc(0)),
  "end()": (connection) => connection.end(),
  "write() after end()": (connection) => {
    connection.end();
    connection.write("").catch(() => undefined);
  },
  "close()": (connection) => void connection.close(),
  "abort()": (connection) => void connection.abort(),
  signal: (connection) => [connection.signal, connection.lost, connection.peer, connection.host],
  "next() and return() of a loop": (connection) => {
    const loop = connection[Symbol.asyncIterator]();
    loop.next().catch(() => undefined);
    loop.return?.()?.catch(() => undefined);
  },
};

/** Every method of a reactor but those that end it. */
const REACTOR: Readonly<Record<string, (reactor: EngineReactor) => unknown>> = {
  "run()": (reactor) => reactor.run(),
  "seconds()": (reactor) => reactor.seconds(),
  "stats()": (reactor) => reactor.stats(),
  running: (reactor) => [reactor.running, reactor.name, reactor.waitsForRun()],
  "callLater()": (reactor) => reactor.callLater(0, () => undefined),
  "callLater() and cancel()": (reactor) => reactor.callLater(0, () => undefined).cancel(),
  "getDelayedCalls()": (reactor) => reactor.getDelayedCalls(),
  "callWhenRunning()": (reactor) => reactor.callWhenRunning(() => undefined),
  "addSystemEventTrigger()": (reactor) => {
    reactor.removeSystemEventTrigger(reactor.addSystemEventTrigger("before", "shutdown", () => undefined));
  },
  "fireSystemEvent()": (reactor) => reactor.fireSystemEvent("an event of a hostile program"),
  "resolve()": (reactor) => reactor.resolve("127.0.0.1"),
  "listenTCP() and stopListening()": (reactor) => {
    const port = reactor.listenTCP(0, new ServerFactory(), { interface: ownLoopback() });
    port.stopListening();
  },
  "connectTCP() and stopConnecting()": (reactor) => {
    const host = ownLoopback();
    const port = reactor.listenTCP(0, new ServerFactory(), { interface: host });
    reactor.connectTCP(host, portOf(port), new ClientFactory()).stopConnecting();
    port.stopListening();
  },
  "listenTCP() with a port that is none": (reactor) => reactor.listenTCP(-1, new ServerFactory()),
  "addReader() of nothing": (reactor) => reactor.addReader(undefined as never),
  "removeReader() of a stranger": (reactor) => reactor.removeReader({} as never),
  "getReaders() and getWriters()": (reactor) => [reactor.getReaders(), reactor.getWriters()],
};

/** Every method of a reactor that takes a descriptor, on the one whose callback runs. */
const DESCRIPTOR: Readonly<Record<string, (descriptor: Descriptor, situation: Situation) => unknown>> = {
  "removeReader()": (descriptor, { reactor }) => reactor.removeReader(descriptor),
  "removeWriter()": (descriptor, { reactor }) => reactor.removeWriter(descriptor),
  "addReader()": (descriptor, { reactor }) => reactor.addReader(descriptor),
  "addWriter()": (descriptor, { reactor }) => reactor.addWriter(descriptor),
  "removeReader() and addReader()": (descriptor, { reactor }) => {
    reactor.removeReader(descriptor);
    reactor.addReader(descriptor);
  },
  "removeAll()": (_, { reactor }) => reactor.removeAll(),
  "removeAll() and adding all again": (_, { reactor }) => {
    const [readers, writers] = [reactor.getReaders(), reactor.getWriters()];
    reactor.removeAll();
    for (const reader of readers) reactor.addReader(reader);
    for (const writer of writers) reactor.addWriter(writer);
  },
};

/** What ends a reactor. */
export const ENDS: Readonly<Record<"stop()" | "crash()" | "destroy()", (reactor: EngineReactor) => unknown>> = {
  "stop()": (reactor) => reactor.stop(),
  "crash()": (reactor) => reactor.crash(),
  "destroy()": (reactor) => reactor.destroy(),
};

function calls<K extends "transport" | "port" | "connector" | "connection" | "descriptor" | "reactor">(
  needs: K,
  methods: Readonly<Record<string, (object: NonNullable<Situation[K]>, situation: Situation) => unknown>>,
): Way[] {
  return Object.entries(methods).map(([name, call]) => ({
    name: `call ${needs} ${name}`,
    needs,
    run(situation, otherwise) {
      attempt(() => call(situation[needs]!, situation));
      return otherwise;
    },
  }));
}

const SAYINGS: readonly Way[] = [1, 1000, 5000, 200_000].map((length) => ({
  name: `write ${length} bytes`,
  needs: "transport",
  run({ say }, otherwise) {
    attempt(() => say?.(length));
    return otherwise;
  },
}));

const GIVE_WAY: Way = {
  name: "call transport switchProtocol()",
  needs: "transport",
  run({ giveWay }, otherwise) {
    attempt(() => giveWay?.());
    return otherwise;
  },
};

export const REENTERS: readonly Way[] = [
  ...calls("transport", TRANSPORT),
  ...SAYINGS,
  GIVE_WAY,
  ...calls("port", PORT),
  ...calls("connector", CONNECTOR),
  ...calls("connection", CONNECTION),
  ...calls("descriptor", DESCRIPTOR),
  ...calls("reactor", REACTOR),
];

/** Ways to end the reactor: for tests that have one to themselves. */
export function ending(how: keyof typeof ENDS): Way {
  return {
    name: `call reactor ${how}`,
    run({ reactor }, otherwise) {
      attempt(() => ENDS[how](reactor));
      return otherwise;
    },
  };
}

/** What the call refuses, or reports to its caller, is his to handle. */
export function attempt(call: () => unknown): void {
  try {
    call();
  } catch {
    // It was refused.
  }
}
