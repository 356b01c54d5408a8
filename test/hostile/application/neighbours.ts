/**
 * Connections that go on talking beside whatever happens on their reactor, and check each byte that they get: the traffic
 * that all cases of the hostile program share.
 *
 * Each direction of each connection has a stream of its own (test/helpers/flow.ts, from a place of its own on), so that a
 * piece which is lost, doubled, altered, or somebody else's is seen.
 */
import type { Failure } from "../../../src/internet/failure.ts";
import type { ListeningPort, Transport } from "../../../src/internet/interfaces.ts";
import { ClientFactory, Protocol, ServerFactory } from "../../../src/internet/protocol.ts";
import type { EngineReactor } from "../../../src/internet/reactor/engine.ts";
import { FlowCheck, flow } from "../../helpers/flow.ts";
import { Gate, turns } from "../../helpers/gate.ts";
import { between, type Random } from "../../helpers/random.ts";
import { ownLoopback } from "../../helpers/world.ts";

/** Places in the flow at which two streams begin lie so far apart at least. */
const APART = 631;
const PIECE_BYTES_MAX = 600;
/** Received Buffers that each neighbour keeps, and looks at again. */
const KEPT_MAX = 8;

/** What one end says, and what it has heard. */
export class Talk {
  readonly check = new FlowCheck();
  readonly #from: number;
  said = 0;

  /** `from`: where in the flow its own stream begins, and where the other end's does. */
  constructor(from: number, otherFrom: number) {
    this.#from = from;
    this.check.at = otherFrom;
  }

  /** The next `length` bytes to write. */
  piece(length: number): Buffer {
    const bytes = flow(length, this.#from + this.said);
    this.said += length;
    return bytes;
  }

  hear(data: Buffer): void {
    this.check.take(data);
  }

  /** Something else came than was said. */
  get misheard(): boolean {
    return this.check.firstWrong >= 0;
  }
}

let streams = 0;

/** Places in the flow for both directions of a new connection. */
export function freshStreams(): [number, number] {
  streams += 2;
  return [streams * APART, (streams + 1) * APART];
}

export class Neighbour extends Protocol {
  readonly name: string;
  readonly talk: Talk;
  readonly made = new Gate();
  heard = 0;
  losses: Failure[] = [];
  /** What it kept of received bytes, and what they were. */
  readonly #kept: { readonly data: Buffer; readonly was: Buffer }[] = [];

  constructor(name: string, talk: Talk) {
    super();
    this.name = name;
    this.talk = talk;
  }

  override connectionMade(): void {
    this.made.open();
  }

  override dataReceived(data: Buffer): void {
    this.talk.hear(data);
    this.heard += data.length;
    if (!this.borrows) this.#keep(data);
  }

  override connectionLost(reason: Failure): void {
    this.losses.push(reason);
  }

  say(random: Random): void {
    this.transport.write(this.talk.piece(between(random, 1, PIECE_BYTES_MAX)));
  }

  /** A Buffer that it kept is no longer what it was. */
  get altered(): boolean {
    return this.#kept.some(({ data, was }) => !data.equals(was));
  }

  get borrows(): boolean {
    return (this.constructor as typeof Neighbour).borrows;
  }

  #keep(data: Buffer): void {
    if (this.#kept.length === KEPT_MAX) this.#kept.shift();
    this.#kept.push({ data, was: Buffer.from(data) });
  }
}

class BorrowingNeighbour extends Neighbour {
  static override readonly borrows = true;
}

/** Where connections of a reactor with itself are made. */
export class Street {
  readonly #reactor: EngineReactor;
  readonly #host = ownLoopback();
  readonly #port: ListeningPort;
  #next: Neighbour | undefined;

  constructor(reactor: EngineReactor) {
    this.#reactor = reactor;
    this.#port = reactor.listenTCP(0, new Building(() => this.#next!), { interface: this.#host });
  }

  /** Two ends, connected. */
  async pair(name = ""): Promise<[Neighbour, Neighbour]> {
    const [from, to] = freshStreams();
    const [Client, Server] = streams % 4 === 0 ? [Neighbour, BorrowingNeighbour] : [BorrowingNeighbour, Neighbour];
    const client = new Client(`client ${name}`, new Talk(from, to));
    const server = new Server(`server ${name}`, new Talk(to, from));
    this.#next = server;
    this.#reactor.connectTCP(this.#host, portOf(this.#port), new Dialling(() => client));
    await Promise.all([client.made.promise, server.made.promise]);
    return [client, server];
  }

  /** Connections stay. */
  async close(): Promise<void> {
    await this.#port.stopListening();
  }
}

/** Connections of one reactor with itself. */
export class Neighbours {
  readonly #ends: readonly Neighbour[];
  readonly #pairs: readonly (readonly [Neighbour, Neighbour])[];

  constructor(...pairs: readonly (readonly [Neighbour, Neighbour])[]) {
    this.#pairs = pairs;
    this.#ends = pairs.flat();
  }

  /** `count` ends, which are half as many connections. */
  static async moveIn(reactor: EngineReactor, count: number): Promise<Neighbours> {
    const street = new Street(reactor);
    const pairs: [Neighbour, Neighbour][] = [];
    for (let i = 0; i < count / 2; i++) pairs.push(await street.pair(`${i}`));
    await street.close();
    return new Neighbours(...pairs);
  }

  get transports(): Transport[] {
    return this.#ends.map(({ transport }) => transport);
  }

  /** Each says something, in an order of its own each time. */
  talk(random: Random): void {
    const start = between(random, 0, this.#ends.length - 1);
    for (let i = 0; i < this.#ends.length; i++) this.#ends[(start + 7 * i) % this.#ends.length]!.say(random);
  }

  /** Everything that was said has been heard. */
  get quiet(): boolean {
    return this.#pairs.every(
      ([client, server]) => client.heard === server.talk.said && server.heard === client.talk.said,
    );
  }

  /** What is wrong with them; nothing should be. */
  problems(): string[] {
    return this.#ends.flatMap((end) => {
      if (end.losses.length > 0) return [`neighbour ${end.name} was lost: ${end.losses[0]}`];
      if (end.talk.misheard)
        return [`neighbour ${end.name} heard what was not said to it, at ${end.talk.check.firstWrong}`];
      return end.altered ? [`a Buffer that neighbour ${end.name} kept was altered`] : [];
    });
  }

  /** How often each was told of its loss. */
  get losses(): number[] {
    return this.#ends.map(({ losses }) => losses.length);
  }

  /** Close every connection at one end, and wait until both are told. */
  async moveOut(): Promise<void> {
    for (const [client] of this.#pairs) client.transport.loseConnection();
    await this.gone();
  }

  /** Cut every connection. */
  abort(): void {
    for (const [client] of this.#pairs) client.transport.abortConnection();
  }

  /** Resolves when each end has been told of its loss. */
  async gone(): Promise<void> {
    while (this.#ends.some(({ losses }) => losses.length === 0)) await turns(1);
  }
}

export function portOf(port: ListeningPort): number {
  return (port.getHost() as { readonly port: number }).port;
}

/** Builds protocols by a function. */
export class Building extends ServerFactory {
  readonly #build: () => Protocol;

  constructor(build: () => Protocol) {
    super();
    this.#build = build;
  }

  override buildProtocol(): Protocol {
    return this.#build();
  }
}

/** The same for a client. */
export class Dialling extends ClientFactory {
  readonly #build: () => Protocol;

  constructor(build: () => Protocol) {
    super();
    this.#build = build;
  }

  override buildProtocol(): Protocol {
    return this.#build();
  }
}
