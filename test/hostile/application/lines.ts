/**
 * A connection of a hostile program: a port, a client, and the protocols at both ends, of whose callbacks one misbehaves.
 *
 *     begin ─▶ talk ─▶ end one direction ─▶ close ─▶ wind up: all that is left is aborted, until everybody has been told
 *
 * However it misbehaves, each end that was told of a connection is told of its loss, once, and each attempt to connect
 * comes to an end that is told.
 */
import { TCP4ClientEndpoint, TCP4ServerEndpoint } from "../../../src/entries/endpoints.ts";
import type { Failure } from "../../../src/internet/failure.ts";
import type { Connector, ListeningPort, Transport } from "../../../src/internet/interfaces.ts";
import { ClientFactory, Protocol, ServerFactory } from "../../../src/internet/protocol.ts";
import type { EngineReactor } from "../../../src/internet/reactor/engine.ts";
import { between, type Random } from "../../helpers/random.ts";
import { loopback } from "../../helpers/world.ts";
import { freshStreams, portOf, Talk } from "./neighbours.ts";
import type { Case } from "./places.ts";
import type { Plan, Situation } from "./plan.ts";
import { attempt } from "./ways.ts";

export type Side = "client" | "server";

/** More than the kernel takes for a peer that does not read. */
const FLOOD_BYTES = 16 << 20;
const FLOOD_PIECE = 1 << 20;

/** What one end of one connection is told. */
export interface Told {
  readonly side: Side;
  transport: Transport | undefined;
  /** What getHost() and getPeer() answered while it lived. */
  addresses: string;
  losses: number;
  /** Told something after the loss, or after it had given way to another protocol. */
  afterwards: string;
  /** Its connectionLost() cannot be called. */
  readonly deaf: boolean;
}

export class End extends Protocol {
  readonly told: Told;
  readonly talk: Talk;
  readonly #line: Line;
  #over = "";
  #paused = false;

  constructor(line: Line, told: Told, talk: Talk) {
    super();
    this.#line = line;
    this.told = told;
    this.talk = talk;
  }

  override makeConnection(transport: Transport): unknown {
    this.told.transport = transport;
    // Those that do not ask while it lives are told the right ones later all the same.
    if (this.#line.asks()) this.told.addresses = addressesOf(transport);
    const result: unknown = super.makeConnection(transport);
    return this.at("makeConnection", undefined, result);
  }

  override connectionMade(): unknown {
    this.#line.made(this);
    return this.at("connectionMade");
  }

  override dataReceived(data: Buffer): unknown {
    this.#heardOf("dataReceived()");
    this.talk.hear(data);
    return this.at("dataReceived", data);
  }

  override connectionLost(_reason: Failure): unknown {
    this.#heardOf("connectionLost()");
    this.told.losses++;
    this.#over = "the loss";
    return this.at("connectionLost");
  }

  at(callback: string, data?: Buffer, otherwise?: unknown): unknown {
    return this.#line.plan.at(`${this.told.side} ${callback}`, this.#situation(data), otherwise);
  }

  say(length: number): void {
    this.transport.write(this.talk.piece(length));
  }

  /** The line's plan is about the producer that this end registers. */
  produce(streaming: boolean): void {
    const producer = {
      pauseProducing: () => {
        this.#paused = true;
        return this.at("pauseProducing");
      },
      resumeProducing: () => this.at("resumeProducing"),
      stopProducing: () => this.at("stopProducing"),
    };
    this.transport.registerProducer(producer, streaming as true);
  }

  /** Write until the transport has enough. */
  flood(): void {
    for (let written = 0; written < FLOOD_BYTES && !this.#paused; written += FLOOD_PIECE) {
      this.say(FLOOD_PIECE);
    }
  }

  #heardOf(call: string): void {
    if (this.#over !== "") this.told.afterwards = `${call} after ${this.#over}`;
  }

  #situation(data: Buffer | undefined): Situation {
    return {
      ...this.#line.situation,
      transport: this.told.transport,
      data,
      say: (length) => this.say(length),
      giveWay: () => {
        const next = this.#line.successor(this);
        this.transport.switchProtocol(next);
        // It is not taken once the connection is lost.
        if (next.connected) this.#over = "switchProtocol()";
      },
    };
  }
}

/** An end that wants to know of each half. */
class HalfEnd extends End {
  readConnectionLost(): unknown {
    return this.at("readConnectionLost");
  }
  writeConnectionLost(): unknown {
    return this.at("writeConnectionLost");
  }
}
class BorrowingEnd extends End {
  static override readonly borrows = true;
}
class BorrowingHalfEnd extends HalfEnd {
  static override readonly borrows = true;
}

const KINDS = [End, HalfEnd, BorrowingEnd, BorrowingHalfEnd] as const;

/** Properties of a protocol that a reactor reads. */
const GETTERS = [
  "readConnectionLost",
  "writeConnectionLost",
  "dataReceived",
  "connectionLost",
  "borrows",
  "constructor",
];

const CALLBACKS = [
  "makeConnection",
  "connectionMade",
  "dataReceived",
  "readConnectionLost",
  "writeConnectionLost",
  "connectionLost",
  "pauseProducing",
  "resumeProducing",
  "stopProducing",
  "buildProtocol",
  "doStart",
  "doStop",
  "startFactory",
  "stopFactory",
  ...GETTERS.map((name) => `get ${name}`),
];

/** Each callback of a connection, as "server dataReceived". */
export const LINE_PLACES: readonly string[] = [
  ...CALLBACKS.flatMap((name) => [`client ${name}`, `server ${name}`]),
  "client startedConnecting",
  "client clientConnectionFailed",
  "client clientConnectionLost",
];

/** Callbacks that may be async: what they reject with is handled. */
export function mayReject(place: string): boolean {
  return /^(client|server) (makeConnection|connectionMade|dataReceived|(read|write)?[cC]onnectionLost)$/.test(place);
}

/** What a way that returns something may return it from. */
export function mayReturn(place: string): boolean {
  return !place.includes("get ");
}

export class Line implements Case {
  readonly plan: Plan;
  readonly told: Told[] = [];
  port: ListeningPort | undefined;
  connector: Connector | undefined;
  /** Attempts to connect that were begun, and that were told of their end. */
  begun = 0;
  ended = 0;
  /** stopListening() was called, and has not fired. */
  #stopping = false;
  #stopped = false;
  readonly #reactor: EngineReactor;
  readonly #random: Random;
  readonly #closedPort: number;
  readonly #streams = freshStreams();
  /** The latest of each side, and all. */
  readonly #ends: { [side in Side]: End | undefined } = { client: undefined, server: undefined };
  readonly #all: End[] = [];

  constructor(reactor: EngineReactor, random: Random, plan: Plan, closedPort: number) {
    this.#reactor = reactor;
    this.#random = random;
    this.plan = plan;
    this.#closedPort = closedPort;
  }

  get situation(): Situation {
    return { reactor: this.#reactor, port: this.port, connector: this.connector };
  }

  step(step: number): void {
    [this.#begin, this.#talk, this.#endOneDirection, this.#close][step]!.call(this);
  }

  /** Whether an end is to ask for its addresses while it lives. */
  asks(): boolean {
    return this.#random() < 0.5;
  }

  /** Listen and connect, by an endpoint or without. */
  #begin(): void {
    const byEndpoint = this.#random() < 0.3;
    try {
      this.#listen(byEndpoint);
      this.#connect(byEndpoint);
    } catch {
      // doStart() threw; nothing has begun then.
    }
  }

  #talk(): void {
    const { place } = this.plan;
    const side = place.startsWith("client") ? "client" : "server";
    const hostile = this.#alive(side);
    const other = this.#alive(side === "client" ? "server" : "client");
    if (place.endsWith("Producing")) this.#produce(hostile, other);
    for (const end of [other, hostile]) attempt(() => end?.say(between(this.#random, 1, 2000)));
  }

  #endOneDirection(): void {
    const sides: readonly Side[] = this.#random() < 0.5 ? ["client", "server"] : ["server"];
    for (const side of sides) this.#alive(side)?.transport.loseWriteConnection();
    for (const side of ["client", "server"] as const) this.#alive(side)?.transport.resumeProducing();
  }

  #close(): void {
    const end = this.#alive(this.#random() < 0.5 ? "client" : "server");
    if (this.#random() < 0.5) end?.transport.loseConnection();
    else end?.transport.abortConnection();
  }

  /** Bring to an end what is left. Returns whether nothing is. */
  windUp(): boolean {
    for (const told of this.told) if (told.losses === 0) told.transport?.abortConnection();
    if (this.connector?.state === "connecting") this.connector.stopConnecting();
    this.#stopListening();
    return this.#stopped && this.begun === this.ended && this.told.every(hasEnded);
  }

  problems(): string[] {
    const found = this.told.flatMap((told) => {
      if (told.losses > 1) return [`the ${told.side} was told ${told.losses} times of its loss`];
      if (!hasEnded(told)) return [`the ${told.side} was not told of its loss`];
      return told.afterwards === "" ? [] : [`the ${told.side} was told of ${told.afterwards}`];
    });
    for (const { talk, told } of this.#all) {
      if (talk.misheard) found.push(`the ${told.side} heard what was not said, at ${talk.check.firstWrong}`);
    }
    if (this.begun !== this.ended)
      found.push(`of ${this.begun} attempts to connect ${this.ended} were told of their end`);
    if (!this.#stopped) found.push("stopListening() has not fired");
    return found.map((problem) => `${this.plan.name}: ${problem}`);
  }

  /** A protocol for a new connection. */
  build(side: Side): unknown {
    const told: Told = {
      side,
      transport: undefined,
      addresses: "",
      losses: 0,
      afterwards: "",
      deaf: ["get connectionLost", "get makeConnection"].some((place) => this.plan.place === `${side} ${place}`),
    };
    const [own, other] = side === "server" ? this.#streams : this.#streams.toReversed();
    const Kind = KINDS[between(this.#random, 0, KINDS.length - 1)]!;
    const end = new Kind(this, told, new Talk(own!, other!));
    if (this.plan.place.startsWith(`${side} get `)) this.#trap(end, side);
    this.#all.push(end);
    return this.plan.at(`${side} buildProtocol`, this.situation, end);
  }

  /** An end has its connection. */
  made(end: End): void {
    this.#ends[end.told.side] = end;
    if (!this.told.includes(end.told)) this.told.push(end.told);
  }

  /** What `end` gives its connection to. */
  successor(end: End): End {
    return new HalfEnd(this, end.told, end.talk);
  }

  /** A port that listens again is stopped again: only then does stopListening() not fire at once. */
  #stopListening(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    let atOnce = true;
    const stopped = this.port?.stopListening().addBoth(() => {
      this.#stopping = false;
      this.#stopped = atOnce;
    });
    atOnce = false;
    if (stopped === undefined) this.#stopped = true;
  }

  #listen(byEndpoint: boolean): void {
    const factory = new HostileServer(this);
    const options = { interface: loopback() };
    if (byEndpoint) {
      new TCP4ServerEndpoint(this.#reactor, 0, options).listen(factory).addCallbacks(
        (port) => {
          this.port = port;
        },
        () => undefined,
      );
    } else {
      this.port = this.#reactor.listenTCP(0, factory, options);
    }
  }

  #connect(byEndpoint: boolean): void {
    const refused = this.plan.place.endsWith("clientConnectionFailed");
    const port = refused || this.port === undefined ? this.#closedPort : portOf(this.port);
    const factory = new HostileClient(this);
    if (!byEndpoint || this.plan.place.includes("clientConnection") || this.plan.place.includes("startedConnecting")) {
      this.connector = this.#reactor.connectTCP(loopback(), port, factory);
      return;
    }
    // An attempt by an endpoint asks the factory for protocols only.
    const connecting = new TCP4ClientEndpoint(this.#reactor, loopback(), port).connect(factory);
    this.begun++;
    connecting.addBoth(() => {
      this.ended++;
    });
  }

  #produce(hostile: End | undefined, other: End | undefined): void {
    if (hostile === undefined) return;
    const streaming = this.#random() < 0.5 || this.plan.place.endsWith("pauseProducing");
    attempt(() => hostile.produce(streaming));
    if (!streaming || this.plan.place.endsWith("stopProducing")) return;
    other?.transport.pauseProducing();
    attempt(() => hostile.flood());
  }

  /** A property of `end` that a reactor reads is a getter that misbehaves. */
  #trap(end: End, side: Side): void {
    const { place } = this.plan;
    const name = place.slice(`${side} get `.length);
    const property = Reflect.get(end, name) as unknown;
    Object.defineProperty(end, name, {
      configurable: true,
      get: () => this.plan.at(place, { ...this.situation, transport: end.told.transport }, property),
    });
  }

  #alive(side: Side): End | undefined {
    const end = this.#ends[side];
    return end?.connected === true && end.told.losses === 0 ? end : undefined;
  }
}

class HostileServer extends ServerFactory {
  readonly #line: Line;

  constructor(line: Line) {
    super();
    this.#line = line;
  }

  override doStart(): void {
    this.#at("doStart");
    super.doStart();
  }
  override doStop(): void {
    super.doStop();
    this.#at("doStop");
  }
  override startFactory(): unknown {
    return this.#at("startFactory");
  }
  override stopFactory(): unknown {
    return this.#at("stopFactory");
  }
  override buildProtocol(): Protocol {
    return this.#line.build("server") as Protocol;
  }

  #at(callback: string): unknown {
    return this.#line.plan.at(`server ${callback}`, this.#line.situation);
  }
}

class HostileClient extends ClientFactory {
  readonly #line: Line;

  constructor(line: Line) {
    super();
    this.#line = line;
  }

  override doStart(): void {
    this.#at("doStart");
    super.doStart();
  }
  override doStop(): void {
    super.doStop();
    this.#at("doStop");
  }
  override startFactory(): unknown {
    return this.#at("startFactory");
  }
  override stopFactory(): unknown {
    return this.#at("stopFactory");
  }
  override startedConnecting(connector: Connector): unknown {
    this.#line.connector = connector;
    this.#line.begun++;
    return this.#at("startedConnecting");
  }
  override buildProtocol(): Protocol {
    return this.#line.build("client") as Protocol;
  }
  override clientConnectionFailed(): unknown {
    this.#line.ended++;
    return this.#at("clientConnectionFailed");
  }
  override clientConnectionLost(): unknown {
    this.#line.ended++;
    return this.#at("clientConnectionLost");
  }

  #at(callback: string): unknown {
    return this.#line.plan.at(`client ${callback}`, this.#line.situation);
  }
}

function hasEnded({ losses, deaf }: Told): boolean {
  return losses > 0 || deaf;
}

export function addressesOf(transport: Transport): string {
  return `${transport.getHost()} to ${transport.getPeer()}`;
}
