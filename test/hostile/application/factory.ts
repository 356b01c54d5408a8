/** The factory of either side of a hostile program's connection: it misbehaves as its line's plan says. */
import type { Connector } from "../../../src/internet/interfaces.ts";
import { ClientFactory, type Protocol } from "../../../src/internet/protocol.ts";
import type { Side } from "./ends.ts";
import type { Plan, Situation } from "./plan.ts";

/** What a factory asks of the connection that it is for, and tells it. */
interface OwnLine {
  readonly plan: Plan;
  readonly situation: Situation;
  connector: Connector | undefined;
  begun: number;
  ended: number;
  build(side: Side): unknown;
}

export class HostileFactory extends ClientFactory {
  readonly #line: OwnLine;
  readonly #side: Side;

  constructor(line: OwnLine, side: Side) {
    super();
    this.#line = line;
    this.#side = side;
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
    return this.#line.build(this.#side) as Protocol;
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
    return this.#line.plan.at(`${this.#side} ${callback}`, this.#line.situation);
  }
}
