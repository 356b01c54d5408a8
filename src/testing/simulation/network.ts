/** The simulated network: hosts, the links between them, and the connections. */
import { Phase } from "../../internet/engine/phase.ts";
import { errnoNamed } from "../../internet/errno.ts";
import { SimulatedConnection } from "./connectionhandle.ts";
import { End } from "./end.ts";
import type { EngineNetwork, SimulatedEngine } from "./engine.ts";
import { Link, type LinkSettings, PLAIN_NETWORK } from "./link.ts";
import type { Machine } from "./machine.ts";
import { Pipe } from "./pipe.ts";
import { EventQueue, Occurrence } from "./queue.ts";
import { hashBytes, type Random } from "./random.ts";
import { SegmentKind, SegmentStore } from "./segment.ts";
import { Kind, type Trace } from "./trace.ts";

const EHOSTUNREACH = errnoNamed("EHOSTUNREACH")!;
/** Seconds until a SYN that found the backlog full is retransmitted. */
const SYN_AGAIN_SECONDS = 1;
/** The latency within a host. */
const LOOPBACK_LATENCY = 0.00002;

export class Network<H extends Machine = Machine> implements EngineNetwork {
  readonly queue = new EventQueue();
  readonly store = new SegmentStore();
  readonly random: Random;
  readonly trace: Trace;
  readonly hosts: H[] = [];
  private readonly byName = new Map<string, H>();
  /** The established connections. */
  readonly connections: SimulatedConnection[] = [];
  private readonly settings: LinkSettings;
  private readonly links = new Map<Machine, Map<Machine, Link>>();
  private connects = 0;
  private addresses = 0;

  constructor(settings: Partial<LinkSettings>, random: Random, trace: Trace) {
    this.settings = { ...PLAIN_NETWORK, ...settings };
    this.random = random;
    this.trace = trace;
  }

  /** Add a host, under its name and its address. */
  add(host: H): void {
    this.hosts.push(host);
    this.byName.set(host.name, host);
    this.byName.set(host.address, host);
  }

  /** The host by its name or address. */
  find(nameOrAddress: string): H | undefined {
    return this.byName.get(nameOrAddress);
  }

  /** The host with an address, as seen from `from`. */
  route(from: Machine, address: string): Machine | undefined {
    return address === "0.0.0.0" || from.owns(address) ? from : this.byName.get(address);
  }

  /** Update the links of a host that has crashed or restarted. */
  hostChanged(host: Machine): void {
    for (const links of this.links.values()) {
      const link = links.get(host);
      if (link !== undefined) link.dead = !host.up;
    }
  }

  link(from: Machine, to: Machine): Link {
    let links = this.links.get(from);
    if (links === undefined) {
      links = new Map();
      this.links.set(from, links);
    }
    let link = links.get(to);
    if (link === undefined) {
      link = new Link(from === to ? { ...PLAIN_NETWORK, latency: LOOPBACK_LATENCY } : this.settings);
      link.dead = !to.up;
      links.set(to, link);
    }
    return link;
  }

  /** Cut the links from `from` to `to`, and back unless it is one-way. */
  partition(from: readonly H[], to: readonly H[], oneWay: boolean): void {
    this.fault(`partition ${names(from)} ${oneWay ? ">" : "|"} ${names(to)}`);
    for (const link of this.between(from, to, oneWay)) link.cut();
  }

  /** Heal such a partition. */
  heal(from: readonly H[], to: readonly H[], oneWay: boolean): void {
    this.fault(`heal ${names(from)} ${oneWay ? ">" : "|"} ${names(to)}`);
    for (const link of this.between(from, to, oneWay)) link.mend();
  }

  /** Heal every partition. */
  healAll(): void {
    this.fault("heal all");
    for (const links of this.links.values()) for (const link of links.values()) link.mend(true);
  }

  private *between(from: readonly H[], to: readonly H[], oneWay: boolean): IterableIterator<Link> {
    for (const a of from) {
      for (const b of to) {
        if (a === b) continue;
        yield this.link(a, b);
        if (!oneWay) yield this.link(b, a);
      }
    }
  }

  /** An unused address. */
  freeAddress(): string {
    let address: string;
    do {
      const n = ++this.addresses;
      address = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
    } while (this.byName.has(address));
    return address;
  }

  // --- connecting ----------------------------------------------------------------------------------------------------

  connect(engine: SimulatedEngine, local: readonly [string, number], address: string, port: number): End {
    const subject = 2 * this.connects++;
    const from = engine.host;
    const end = new End(engine, Phase.CONNECTING, subject, local, [address, port]);
    this.record(Kind.CONNECT, subject, 0, 0, `${local[0]}:${local[1]} > ${address}:${port}`);
    const to = this.route(from, address);
    const out = new Pipe(this, this.link(from, to ?? from), this.link(to ?? from, from), end);
    out.onSyn = to === undefined ? () => end.fail(EHOSTUNREACH) : () => this.synArrived(end, to);
    end.out = out;
    out.sendSignal(SegmentKind.SYN);
    return end;
  }

  private synArrived(client: End, to: Machine): void {
    const { link, back } = client.out!;
    const { loseConnect, refuse } = link.settings;
    if (this.random.chance(loseConnect)) {
      client.out!.startLimit();
      return;
    }
    const { peerHost: address, peerPort: port } = client;
    const listener = this.random.chance(refuse) ? undefined : to.ports.find(address, port, this.random);
    if (listener === undefined) {
      if (back.closed) client.out!.startLimit();
      else this.queue.plan(new Refusal(client), this.queue.now + back.settings.latency);
      return;
    }
    // As on Linux, see listen(2): the queue is full when it holds more than the backlog.
    if (listener.waiting.length > listener.backlog) {
      client.out!.repeatSyn(SYN_AGAIN_SECONDS);
      return;
    }
    const local = [address, port] as const;
    const server = new End(listener.engine, Phase.OPEN, client.subject + 1, local, [
      client.localHost,
      client.localPort,
    ]);
    server.out = new Pipe(this, back, link, server, client);
    server.peer = client;
    client.out!.receiver = server;
    this.record(Kind.ACCEPT, server.subject, 0, 0, `${address}:${port}`);
    this.enlist(client, server);
    server.out.sendSignal(SegmentKind.SYN_ACK);
    listener.waiting.push(server);
    listener.engine.acceptLater(listener);
  }

  private enlist(client: End, server: End): void {
    const connection = new SimulatedConnection(this, client, server);
    connection.index = this.connections.push(connection) - 1;
    client.connection = connection;
    server.connection = connection;
  }

  /** Remove the connection of a closed end from the list. */
  delist(end: End): void {
    const { connection } = end;
    if (connection === undefined || connection.index < 0) return;
    const last = this.connections.pop()!;
    if (last !== connection) {
      this.connections[connection.index] = last;
      last.index = connection.index;
    }
    connection.index = -1;
  }

  // --- the trace -----------------------------------------------------------------------------------------------------

  record(kind: number, subject: number, a: number, b: number, text = ""): void {
    this.trace.add(this.queue.now, kind, subject, a, b, text);
  }

  recordBytes(kind: number, subject: number, bytes: Uint8Array, start: number, length: number): void {
    this.trace.add(this.queue.now, kind, subject, length, hashBytes(bytes, start, length), "");
  }

  /** Record a fault in the trace. */
  fault(text: string): void {
    this.record(Kind.FAULT, 0, 0, 0, text);
  }
}

function names(hosts: readonly Machine[]): string {
  return hosts.length > 4 ? `${hosts.slice(0, 3).join()} and ${hosts.length - 3} more` : hosts.join();
}

/** The RST from a port that does not listen. */
class Refusal extends Occurrence {
  private readonly client: End;

  constructor(client: End) {
    super();
    this.client = client;
  }

  override run(): void {
    this.client.reset();
  }
}
