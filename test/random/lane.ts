/** Applies the operations of one lane to a reactor, and keeps what each side saw. */
import { types } from "node:util";
import type { IPv4Address } from "../../src/internet/address.ts";
import type { SkeinError } from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import type { Address, ListeningPort, ReactorTCP, Transport } from "../../src/internet/interfaces.ts";
import { ClientFactory, Protocol, ServerFactory } from "../../src/internet/protocol.ts";
import { between, seeded } from "../helpers/random.ts";
import { VALUES } from "../hostile/application/values.ts";
import { LATE, takeAway } from "../hostile/application/ways.ts";
import { type Action, type Manner, type Operation, other, type Reaction, type Side } from "./operations.ts";
import { Record } from "./record.ts";

/** More than the kernel takes of a connection whose peer does not read. */
export const FLOOD_BYTES = 12 * 1024 * 1024;

/** What is written is a part of it. */
const BYTES = (() => {
  const random = seeded(1);
  return Buffer.from(Uint8Array.from({ length: 1 << 20 }, () => between(random, 0, 255)));
})();

/** How long a protocol blocks the loop that was told to. */
const BLOCK_MS = 50;
/** Transports that a lane keeps after the loss. */
const KEPT_MAX = 4;

/** One end of a lane's connection. */
export class End extends Protocol {
  readonly record: Record;
  readonly manner: Manner;
  lost = false;
  paused = false;
  ended = false;
  /** Bytes that were written while the other end did not read. */
  outstanding = 0;
  reaction: Reaction | undefined;
  /** What the reaction is to, in bytes, and how many of them have not come: a stream may cut them anywhere. */
  reactionSize = 0;
  #reactionLeft = 0;
  /** The other end has reset the connection, and this one does not know yet. */
  doomed = false;
  #written = 0;
  /** Told of the transport once the connection is lost. */
  readonly #keep: (transport: Transport) => void;

  constructor(record: Record, manner: Manner, keep: (transport: Transport) => void) {
    super();
    this.record = record;
    this.manner = manner;
    this.#keep = keep;
    record.begin();
  }

  /** It does not read. */
  get deaf(): boolean {
    return this.paused || this.transport.disconnecting;
  }

  override connectionMade(): void {
    this.record.event("connectionMade");
    if (this.manner.greeting > 0) this.write(this.manner.greeting);
  }

  override dataReceived(data: Buffer): void {
    if (this.lost) this.record.event("dataReceived-after-the-loss");
    this.record.received(data);
    const { reaction } = this;
    if (reaction === undefined) return;
    this.#reactionLeft -= data.length;
    if (reaction === "echo") this.transport.write(data);
    if (this.#reactionLeft > 0) return;
    this.reaction = undefined;
    this.#react(reaction, data);
  }

  /** React to the next `size` bytes, once all of them are there; an echo sends each piece back as it comes. */
  reactTo(size: number, reaction: Reaction): void {
    this.reaction = reaction;
    this.reactionSize = size;
    this.#reactionLeft = size;
  }

  override connectionLost(reason: Failure): void {
    this.lost = true;
    this.record.event(`connectionLost:${codeOf(reason, this.record)}`);
    this.#keep(this.transport);
  }

  act(action: Action): void {
    switch (action.do) {
      case "write":
        this.write(action.size);
        break;
      case "end":
        this.ended = true;
        this.transport.loseWriteConnection();
        break;
      case "close":
        this.transport.loseConnection();
        break;
      case "abort":
        this.transport.abortConnection();
        break;
      case "pause":
        this.paused = true;
        this.transport.pauseProducing();
        break;
      case "resume":
        this.paused = false;
        this.transport.resumeProducing();
        break;
      case "produce":
        this.#produce(action.pieces, action.size);
        break;
    }
  }

  /** What kind of value or of transfer is given by the bytes: the same ones on every reactor. */
  #react(reaction: Reaction, data: Buffer): void {
    const choice = this.reactionSize;
    switch (reaction) {
      case "echo":
        break;
      case "throw":
        this.#throw(new Error("As it was told to."));
        break;
      case "throw-hostile":
        this.#throw(VALUES[choice % VALUES.length]!.make());
        break;
      case "detach":
        takeAway(data, choice);
        break;
      case "block":
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCK_MS);
        break;
      default:
        this.act({ do: reaction });
    }
  }

  #throw(value: unknown): never {
    // What is thrown as a Failure is that Failure's value.
    this.record.thrown.add(types.isProxy(value) || !(value instanceof Failure) ? value : value.value);
    throw value;
  }

  #produce(pieces: number, size: number): void {
    let left = pieces;
    const resumeProducing = () => {
      if (left-- > 0) this.write(size);
      else this.transport.unregisterProducer();
    };
    this.transport.registerProducer({ resumeProducing, stopProducing() {} }, false);
  }

  write(size: number): void {
    for (let left = size; left > 0; ) {
      const at = (this.#written * 7919) % BYTES.length;
      const piece = BYTES.subarray(at, at + left);
      this.transport.write(piece);
      this.#written += piece.length;
      left -= piece.length;
    }
  }
}

class BorrowingEnd extends End {
  static override readonly borrows = true;
}

class HalfEnd extends End {
  readConnectionLost(): void {
    this.record.event("readConnectionLost");
  }
  writeConnectionLost(): void {
    if (this.lost) this.record.event("writeConnectionLost-after-the-loss");
    else this.record.aside("writeConnectionLost");
  }
}

class BorrowingHalfEnd extends HalfEnd {
  static override readonly borrows = true;
}

function makeEnd(record: Record, manner: Manner, keep: (transport: Transport) => void): End {
  const { halves, borrows } = manner;
  const Kind = halves ? (borrows ? BorrowingHalfEnd : HalfEnd) : borrows ? BorrowingEnd : End;
  return new Kind(record, manner, keep);
}

function codeOf(reason: Failure, { thrown }: Record): string {
  if (thrown.has(reason.value)) return "THROWN";
  return (reason.value as Partial<SkeinError>).code ?? String(reason.value);
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

export class Lane {
  readonly records: { readonly [side in Side]: Record } = { client: new Record(), server: new Record() };
  readonly ends: { [side in Side]: End | undefined } = { client: undefined, server: undefined };
  readonly #reactor: ReactorTCP;
  readonly #host: string;
  #listening: ListeningPort | undefined;
  #port = 0;
  #serverManner: Manner | undefined;
  readonly #kept: Transport[] = [];
  readonly #keep = (transport: Transport) => {
    if (this.#kept.length === KEPT_MAX) this.#kept.shift();
    this.#kept.push(transport);
  };

  constructor(reactor: ReactorTCP, index: number) {
    this.#reactor = reactor;
    this.#host = hostOf(index);
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
    this.#listening = this.#reactor.listenTCP(0, new Port(this), { interface: this.#host });
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
    this.#reactor.connectTCP(this.#host, this.#port, new Attempt(this, client));
  }

  /** A client's end. */
  dial(manner: Manner): End {
    const end = makeEnd(this.records.client, manner, this.#keep);
    this.ends.client = end;
    return end;
  }

  accept(): End {
    const end = makeEnd(this.records.server, this.#serverManner!, this.#keep);
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
    end.reactTo(size, reaction);
    if (reaction === "abort" || reaction.startsWith("throw")) this.#resets(side, false);
    peer.write(size);
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
