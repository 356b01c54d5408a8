/**
 * A connection of a hostile program: a port, a client, and the protocols at both ends, of whose callbacks one misbehaves.
 *
 *     begin ─▶ talk ─▶ end one direction ─▶ close ─▶ wind up: all that is left is aborted, until everybody has been told
 *
 * However it misbehaves, each end that was told of a connection is told of its loss, once, and each attempt to connect
 * comes to an end that is told.
 */
import { TCP4ClientEndpoint, TCP4ServerEndpoint } from "../../../src/entries/endpoints.ts";
import type { Connector, ListeningPort } from "../../../src/internet/interfaces.ts";
import type { EngineReactor } from "../../../src/internet/reactor/engine.ts";
import { between, type Random } from "../../helpers/random.ts";
import { ownLoopback } from "../../helpers/world.ts";
import { type End, HalfEnd, hasEnded, KINDS, type Side, type Told } from "./ends.ts";
import { HostileFactory } from "./factory.ts";
import { freshStreams, portOf, Talk } from "./neighbours.ts";
import type { Case } from "./places.ts";
import type { Plan, Situation } from "./plan.ts";
import { attempt } from "./ways.ts";

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
  readonly #host = ownLoopback();
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
    const factory = new HostileFactory(this, "server");
    const options = { interface: this.#host };
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
    const factory = new HostileFactory(this, "client");
    if (!byEndpoint || this.plan.place.includes("clientConnection") || this.plan.place.includes("startedConnecting")) {
      this.connector = this.#reactor.connectTCP(this.#host, port, factory);
      return;
    }
    // An attempt by an endpoint asks the factory for protocols only.
    const connecting = new TCP4ClientEndpoint(this.#reactor, this.#host, port).connect(factory);
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
