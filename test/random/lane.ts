/** Applies the operations of one lane to a reactor, and keeps what each side saw. */
import type { IPv4Address } from "../../src/internet/address.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { Address, ListeningPort, ReactorSSL, ReactorTCP, Transport } from "../../src/internet/interfaces.ts";
import { ClientFactory, ServerFactory } from "../../src/internet/protocol.ts";
import type { ContextFactory } from "../../src/internet/tls/seam.ts";
import { LATE } from "../hostile/application/ways.ts";
import { codeOf, type End, makeEnd, type Surroundings } from "./end.ts";
import { type Action, type Manner, type Operation, other, type Reaction, type Side } from "./operations.ts";
import { Record } from "./record.ts";

/** Transports that a lane keeps after the loss. */
const KEPT_MAX = 4;

/** How a lane's connections are secured. */
export interface Securing {
  /** As reports of failures have it. */
  readonly name: string;
  readonly ofServer: ContextFactory;
  readonly ofClient: ContextFactory;
  /** In mid-stream, by startTLS(). */
  readonly later: boolean;
}

/** Tells this process from others. */
const PROCESS = 1 + Math.floor(254 * Math.random());

/**
 * A loopback address for each lane of each process, so that a connect to a port that is closed finds nobody else there
 * who was given it meanwhile. Only macOS and the BSDs have no loopback but 127.0.0.1.
 */
function hostOf(index: number): string {
  const whole = ["linux", "win32"].includes(process.platform);
  return whole ? `127.${PROCESS}.${index >> 8}.${(index & 255) + 1}` : "127.0.0.1";
}

export class Lane implements Surroundings {
  readonly records: { readonly [side in Side]: Record } = { client: new Record(), server: new Record() };
  readonly ends: { [side in Side]: End | undefined } = { client: undefined, server: undefined };
  readonly #reactor: ReactorTCP & ReactorSSL;
  readonly #securing: Securing | undefined;
  readonly #host: string;
  #listening: ListeningPort | undefined;
  #port = 0;
  #serverManner: Manner | undefined;
  readonly #kept: Transport[] = [];

  /** `securing`: of a lane whose connections go through TLS. */
  constructor(reactor: ReactorTCP & ReactorSSL, index: number, securing?: Securing) {
    this.#reactor = reactor;
    this.#host = hostOf(index);
    this.#securing = securing;
  }

  keep(transport: Transport): void {
    if (this.#kept.length === KEPT_MAX) this.#kept.shift();
    this.#kept.push(transport);
  }

  /** Its connections go through TLS. */
  get secures(): boolean {
    return this.#securing !== undefined;
  }

  get asClient(): ContextFactory | undefined {
    return this.#securing?.ofClient;
  }

  /** Its connection may turn to TLS now: nothing is on its way in plaintext, and nothing waits to be read. */
  get mayTurn(): boolean {
    if (this.#securing?.later !== true) return false;
    return (["client", "server"] as const).every((side) => {
      const end = this.alive(side);
      if (end === undefined || end.secured || end.deaf || end.ended || end.doomed) return false;
      return end.outstanding === 0;
    });
  }

  get listens(): boolean {
    return this.#listening !== undefined;
  }

  /** It has listened at least once, so that there is a port to connect to. */
  get hasPort(): boolean {
    return this.#port > 0;
  }

  /** There are transports whose connections are lost. */
  get keeps(): boolean {
    return this.#kept.length > 0;
  }

  /** The end of that side, if it is not lost. */
  alive(side: Side): End | undefined {
    const end = this.ends[side];
    return end === undefined || end.lost || !end.connected ? undefined : end;
  }

  /** An operation that does not fit the state does nothing: sequences stay valid when parts are left out. */
  apply(operation: Operation): void {
    switch (operation.do) {
      case "listen":
        this.#listen();
        break;
      case "stop":
        this.#stop();
        break;
      case "relisten":
        this.#relisten();
        break;
      case "late":
        for (const call of Object.values(LATE)) for (const transport of this.#kept) call(transport);
        break;
      case "connect":
        this.#connect(operation.client, operation.server);
        break;
      case "act":
        this.#act(operation.side, operation.actions);
        break;
      case "react":
        this.#react(operation.side, operation.reaction, operation.size);
        break;
      case "rest":
        break;
    }
  }

  /** Have everything come to an end. */
  finish(): void {
    this.#stop();
    for (const side of ["client", "server"] as const) this.alive(side)?.transport.abortConnection();
  }

  #listen(): void {
    if (this.#listening !== undefined) return;
    const [port, options] = [new Port(this), { interface: this.#host }];
    const securing = this.#atOnce;
    this.#listening = securing
      ? this.#reactor.listenSSL(0, port, securing.ofServer, options)
      : this.#reactor.listenTCP(0, port, options);
    this.#port = (this.#listening.getHost() as IPv4Address).port;
  }

  #stop(): void {
    const { records } = this;
    this.#listening?.stopListening().addCallback(() => records.server.event("stopped"));
    this.#listening = undefined;
  }

  #relisten(): void {
    const port = this.#listening;
    if (port === undefined) return;
    port.stopListening().addCallback(() => {
      this.records.server.event("stopped");
      port.startListening();
      this.#port = (port.getHost() as IPv4Address).port;
      this.records.server.event("listening again");
    });
    expectRefusal(() => port.startListening());
  }

  #connect(client: Manner, server: Manner): void {
    if (!this.hasPort || this.alive("client") !== undefined || this.alive("server") !== undefined) return;
    this.#serverManner = server;
    const attempt = new Attempt(this, client);
    const securing = this.#atOnce;
    if (securing) this.#reactor.connectSSL(this.#host, this.#port, attempt, securing.ofClient);
    else this.#reactor.connectTCP(this.#host, this.#port, attempt);
  }

  /** How its connections begin in TLS. */
  get #atOnce(): Securing | undefined {
    return this.#securing?.later === false ? this.#securing : undefined;
  }

  /** A client's end. */
  dial(manner: Manner): End {
    const end = makeEnd(this.records.client, manner, this);
    this.ends.client = end;
    return end;
  }

  accept(): End {
    const end = makeEnd(this.records.server, this.#serverManner!, this);
    this.ends.server = end;
    return end;
  }

  #act(side: Side, actions: readonly Action[]): void {
    const end = this.alive(side);
    if (end === undefined) return;
    const peer = this.alive(other(side));
    let written = false;
    for (const action of actions) {
      // Whether the kernel can end one side of a connection that was reset is its own affair.
      if (action.do === "end" && end.doomed) continue;
      if (action.do === "write" || action.do === "produce") written = true;
      if (action.do === "write" && peer?.deaf) end.outstanding += action.size;
      if (action.do === "resume" && peer !== undefined) peer.outstanding = 0;
      if (action.do === "abort") this.#resets(side, written);
      end.act(action);
    }
  }

  #react(side: Side, reaction: Reaction, size: number): void {
    const end = this.alive(side);
    const peer = this.alive(other(side));
    if (end === undefined || peer === undefined || end.deaf || peer.ended || peer.transport.disconnecting) return;
    if (reaction === "secure" && !this.mayTurn) return;
    end.reactTo(size, reaction);
    if (reaction === "abort" || reaction.startsWith("throw")) this.#resets(side, false);
    peer.write(size);
    // Whoever reacts is the client of TLS, and speaks first: its peer has begun by then.
    if (reaction === "secure") peer.begin(this.#securing!.ofServer, true);
  }

  /**
   * A reset overtakes what was written just now, and what the other end has not read. Where it comes behind a FIN,
   * kernels differ in what of it can still be seen: the other end goes by itself then.
   */
  #resets(side: Side, written: boolean): void {
    const peer = this.alive(other(side));
    if (peer === undefined) return;
    if (written || peer.deaf) peer.record.vague = true;
    if (this.ends[side]!.ended) peer.transport.abortConnection();
    else peer.doomed = true;
  }
}

class Port extends ServerFactory<End> {
  readonly #lane: Lane;

  constructor(lane: Lane) {
    super();
    this.#lane = lane;
  }

  override startFactory(): void {
    this.#lane.records.server.event("startFactory");
  }
  override stopFactory(): void {
    this.#lane.records.server.event("stopFactory");
  }
  override buildProtocol(_address: Address): End {
    return this.#lane.accept();
  }
}

class Attempt extends ClientFactory<End> {
  readonly #lane: Lane;
  readonly #manner: Manner;

  constructor(lane: Lane, manner: Manner) {
    super();
    this.#lane = lane;
    this.#manner = manner;
  }

  #tell(event: string): void {
    this.#lane.records.client.event(event);
  }

  override startFactory(): void {
    this.#tell("startFactory");
  }
  override stopFactory(): void {
    this.#tell("stopFactory");
  }
  override startedConnecting(): void {
    this.#tell("startedConnecting");
  }
  override buildProtocol(): End {
    return this.#lane.dial(this.#manner);
  }
  override clientConnectionFailed(_connector: unknown, reason: Failure): void {
    this.#tell(`clientConnectionFailed:${codeOf(reason, this.#lane.records.client)}`);
  }
  override clientConnectionLost(_connector: unknown, reason: Failure): void {
    this.#tell(`clientConnectionLost:${codeOf(reason, this.#lane.records.client)}`);
  }
}

/** A port that is closing does not listen again before it is closed. */
function expectRefusal(call: () => void): void {
  try {
    call();
  } catch {
    return;
  }
  throw new Error("startListening() of a port that is closing was not refused.");
}
