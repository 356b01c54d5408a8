/**
 * What can a hostile peer make a process do for each byte that it sends? Every protocol that ships is asked, each with the
 * input that costs it most:
 *
 * - *processor*: time for each byte received, over that of lines of eight bytes which nobody looks at; the peer reads what
 *   comes, and connects anew when it is closed. What connecting costs in packets is counted as bytes received, too.
 * - *answers*: bytes sent for each byte received.
 * - *memory*: bytes kept for each byte received, by peers that do not read. The first 16 MiB are not counted: that is what
 *   V8 and the engine take for whatever they do.
 *
 * Each figure has a limit here. The last one tells how many are over theirs.
 */
import { connect, createServer, type Server as NetServer, type Socket } from "node:net";
import { join } from "node:path";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import { serverNode } from "./rig/node.ts";
import { root } from "./rig/root.ts";
import { Server } from "./rig/server.ts";

export interface Subject {
  /** As bench/peers/hostile.mjs knows it. */
  readonly name: string;
  /** What is sent over and over. */
  readonly input: Buffer | string;
  /** What is sent first on a connection. `n` is a different number for each. */
  readonly hello?: (n: number) => string;
  /** A connection has one answer, and ends with it: the input is sent once on each of many connections. */
  readonly once?: boolean;
  /** It connects to a hostile server. */
  readonly client?: boolean;
  /** It connects each client to a server that sends back what it receives. */
  readonly relay?: boolean;
  /** Well-behaved members that are connected meanwhile. */
  readonly members?: number;
  /** The most that is accepted, as times of ignored lines of eight bytes. Default {@link PROCESSOR_MAX}. */
  readonly processor?: number;
  /** Bytes sent for each received; null: it sends unasked. Default {@link ANSWERS_MAX}. */
  readonly answers?: number | null;
}

/** A byte may be a message, which costs eight times as much as a message of eight; and it is answered. */
const PROCESSOR_MAX = 32;
/** An empty message of one byte is answered with a delimiter or a prefix. */
const ANSWERS_MAX = 4;
const MEMORY_MAX = 4;
const UNCOUNTED_BYTES = 16 * 1024 * 1024;

const socksRequest = Buffer.from([4, 1, 0, 80, 127, 0, 0, 1, 0]);
const v2Local = Buffer.from("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "latin1");

/** The first is what the others are compared with. */
export const SUBJECTS: readonly Subject[] = [
  { name: "lines, ignored", input: "123456\r\n" },
  { name: "LineOnlyReceiver", input: "\r\n" },
  { name: "LineReceiver", input: "\r\nxx" },
  { name: "Int8StringReceiver", input: "\0" },
  { name: "Int16StringReceiver", input: "\0\0" },
  { name: "Int32StringReceiver", input: "\0\0\0\0" },
  { name: "NetstringReceiver", input: "0:," },
  { name: "StatefulStringProtocol", input: "\x01x", processor: 64 },
  { name: "StatefulProtocol", input: "x" },
  { name: "Echo", input: "x" },
  { name: "Discard", input: "x" },
  { name: "Chargen", input: "x", answers: null },
  { name: "Daytime", input: "x", once: true },
  { name: "QOTD", input: "x", once: true },
  { name: "Time", input: "x", once: true },
  { name: "Who", input: "x", once: true },
  { name: "Finger", input: "somebody\r\n", once: true },
  { name: "IdentServer", input: "1,1\n" },
  // It reads the table of connections, once a second.
  { name: "ProcIdentServer", input: "1,1\n", processor: 128 },
  { name: "HAProxyWrappingFactory", input: v2Local },
  { name: "SOCKSv4", input: socksRequest, once: true, processor: 96 },
  { name: "ProxyServer", input: "x", relay: true },
  { name: "Chat", input: "/names\n", hello: (n) => `mallory${n}\n`, members: 300 },
  { name: "FingerClient", input: "x", client: true },
  { name: "IdentClient", input: "1,1:E:X\n", client: true },
  { name: "MemCacheProtocol.stats", input: "STAT a 1\r\n", client: true },
  { name: "MemCacheProtocol.get", input: "VALUE key 0 1\r\nx\r\n", client: true },
  { name: "SOCKS4ClientEndpoint", input: "\0Zxxxxxx", client: true },
];

/** The label of the figure that must be 0. */
export const OVER = "figures over their limits";

const CONNECTIONS = 4;
/** Of those that have one answer. */
const CONNECTIONS_ONCE = 32;
/** The packets of a connection's beginning and end: five headers of IPv4 and TCP. */
const CONNECTION_BYTES = 300;
const BLOCK_BYTES = 16 * 1024;

/** Hostile peers that send one input over and over, from connection to connection. */
class Peers {
  readonly #subject: Subject;
  readonly #reads: boolean;
  readonly #block: Buffer;
  readonly #sockets = new Set<Socket>();
  #over = false;
  /** Connections so far. */
  count = 0;
  /** Bytes that came from the other side. */
  received = 0;

  constructor(subject: Subject, reads: boolean) {
    this.#subject = subject;
    this.#reads = reads;
    const input = Buffer.from(subject.input as string, "latin1");
    this.#block = Buffer.concat(Array.from({ length: Math.ceil(BLOCK_BYTES / input.length) }, () => input));
  }

  connectTo(port: number): void {
    if (this.#over) return;
    const socket = connect(port, "127.0.0.1");
    socket.once("close", () => setImmediate(() => this.connectTo(port)));
    this.attack(socket);
  }

  attack(socket: Socket): void {
    this.count++;
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#reads) socket.on("data", (data) => (this.received += data.length));
    // A socket that does not read would not see the end, and hold its connection.
    socket.once("end", () => socket.destroy());
    const { hello, once } = this.#subject;
    if (once) {
      socket.write(this.#subject.input);
      return;
    }
    if (hello !== undefined) socket.write(hello(this.count));
    const more = () => {
      // The others have their turn in between.
      if (!socket.destroyed && socket.write(this.#block)) setImmediate(more);
    };
    socket.on("drain", more);
    more();
  }

  end(): void {
    this.#over = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}

interface Used {
  readonly bytes: number;
  readonly micros: number;
  readonly received: number;
}

interface Cost {
  readonly micros: number;
  readonly memory: number;
  readonly received: number;
  readonly sent: number;
}

function listening(server: NetServer): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
}

/** Attack `subject` for so many seconds. */
async function attack(subject: Subject, reads: boolean, seconds: number): Promise<Cost> {
  const peers = new Peers(subject, reads);
  let begun = false;
  const waiting: Socket[] = [];
  const hostile = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    if (subject.relay) socket.pipe(socket);
    else if (begun) peers.attack(socket);
    else waiting.push(socket);
  });
  const to = subject.client || subject.relay ? ["--to", String(await listening(hostile))] : [];
  const program = join(root, "bench", "peers", "hostile.mjs");
  const server = await Server.start(subject.name, [serverNode(), program, "--protocol", subject.name, ...to], true);
  const members: Socket[] = [];
  try {
    for (let i = 0; i < (subject.members ?? 0); i++) members.push(await member(server.port, i));
    await server.ask("mark");
    begun = true;
    for (const socket of waiting) peers.attack(socket);
    const connections = subject.client ? 0 : subject.once ? CONNECTIONS_ONCE : CONNECTIONS;
    for (let i = 0; i < connections; i++) peers.connectTo(server.port);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const { bytes, micros, received } = (await server.ask("used")) as Used;
    return { micros, memory: bytes, received: received + peers.count * CONNECTION_BYTES, sent: peers.received };
  } finally {
    peers.end();
    for (const socket of members) socket.destroy();
    await server.stop();
    hostile.close();
  }
}

/** A member of the chat with a long name and an address of its own, who reads everything. */
function member(port: number, n: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", localAddress: `127.1.${n >> 8}.${n & 255}` });
  socket.on("error", () => {});
  socket.write(`${"m".repeat(20)}${String(n).padStart(4, "0")}\n`);
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (data) => {
      if (text.length < 4096) text += String(data);
      if (text.includes("Hello")) resolve(socket);
    });
    socket.once("close", () => reject(new Error(`A member was not let in: ${text}`)));
  });
}

export interface AmplificationOptions {
  /** How long each attack lasts. */
  readonly seconds?: number;
  /** The subjects, by the beginnings of their names. */
  readonly only?: readonly string[];
}

export async function run(progress: Progress, { seconds = 0.4, only }: AmplificationOptions = {}): Promise<Answer> {
  const rows: Figure[] = [];
  const ratios: Figure[] = [];
  const wrong: string[] = [];
  const [control, ...others] = SUBJECTS;
  const asked = others.filter(({ name }) => only === undefined || only.some((beginning) => name.startsWith(beginning)));
  for (const subject of asked) {
    const cheap = await attack(control!, true, seconds / 2);
    const busy = await attack(subject, true, seconds);
    const unread = await attack(subject, false, seconds);
    const processor = busy.micros / busy.received / (cheap.micros / cheap.received);
    const answers = busy.sent / busy.received;
    const memory = Math.max(0, unread.memory - UNCOUNTED_BYTES) / unread.received;
    rows.push({ label: `${subject.name}: nanoseconds a byte`, value: (busy.micros * 1000) / busy.received });
    rows.push({ label: `${subject.name}: MiB that unread answers took`, value: unread.memory / 1024 / 1024 });
    const figures: [what: string, value: number, limit: number | null][] = [
      ["processor", processor, subject.processor ?? PROCESSOR_MAX],
      ["answers", answers, subject.answers === undefined ? ANSWERS_MAX : subject.answers],
      ["memory", memory, MEMORY_MAX],
    ];
    for (const [what, value, limit] of figures) {
      ratios.push({ label: `${subject.name}: ${what}`, value });
      if (limit !== null && value > limit)
        wrong.push(`${subject.name}: ${what} ${value.toFixed(1)}, the limit is ${limit}`);
    }
    const shown = figures.map(([what, value]) => `${what} ${value.toFixed(2)}`).join(", ");
    const kib = Math.round(unread.memory / 1024);
    progress(`${subject.name}: ${shown}; ${Math.round(busy.received / 1024)} KiB received, unread ${kib} KiB kept`);
  }
  for (const line of wrong) progress(`over its limit: ${line}`);
  ratios.push({ label: OVER, value: wrong.length });
  return { name: "amplification", unit: "nanoseconds a byte, or MiB", rows, ratios };
}
