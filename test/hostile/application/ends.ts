/** Both ends of a hostile program's connection: protocols that misbehave as a plan says, and note what they are told. */
import type { Failure } from "../../../src/internet/failure.ts";
import type { Transport } from "../../../src/internet/interfaces.ts";
import { Protocol } from "../../../src/internet/protocol.ts";
import type { Talk } from "./neighbours.ts";
import type { Plan, Situation } from "./plan.ts";

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

/** What an end asks of the connection that it is an end of. */
interface OwnLine {
  readonly plan: Plan;
  readonly situation: Situation;
  /** Whether an end is to ask for its addresses while it lives. */
  asks(): boolean;
  /** An end has its connection. */
  made(end: End): void;
  /** What `end` gives its connection to. */
  successor(end: End): End;
}

export class End extends Protocol {
  readonly told: Told;
  readonly talk: Talk;
  readonly #line: OwnLine;
  #over = "";
  #paused = false;

  constructor(line: OwnLine, told: Told, talk: Talk) {
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
export class HalfEnd extends End {
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

export const KINDS = [End, HalfEnd, BorrowingEnd, BorrowingHalfEnd] as const;

/** It was told of its loss, or cannot be. */
export function hasEnded({ losses, deaf }: Told): boolean {
  return losses > 0 || deaf;
}

export function addressesOf(transport: Transport): string {
  return `${transport.getHost()} to ${transport.getPeer()}`;
}
