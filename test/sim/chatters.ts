/** A chat room full of people on a simulated network, who check what they hear. */

import { LineOnlyReceiver } from "../../src/entries/protocols/basic.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { Address, Connector } from "../../src/internet/interfaces.ts";
import { ReconnectingClientFactory } from "../../src/internet/protocol.ts";
import { ChatFactory } from "../../src/protocols/chat.ts";
import type { SimulatedHost, Simulation } from "../../src/testing/simulation/simulation.ts";

export const CHAT_PORT = 1234;
/** Each says something so often, on average. */
const MEAN_GAP_SECONDS = 1800;
const SAID = /^<(\S+)> #(\d+) (\d+) (.*)$/;

/** One person: takes a name, says something now and then, and knows what it may hear. */
class Chatter extends LineOnlyReceiver {
  declare factory: ChatterFactory;
  #joined = false;

  override lineReceived(line: Buffer): void {
    const text = line.toString("latin1");
    const { factory } = this;
    factory.room.heard++;
    if (text.startsWith("*** ") || text.startsWith("Welcome")) {
      if (text.endsWith("What is your name?")) this.sendLine(factory.nextName());
      else if (text.startsWith("*** Hello, ")) this.#join();
      return;
    }
    const { speaker, number } = factory.room.understand(text);
    factory.room.inOrder(speaker, factory.id, number);
  }

  override connectionLost(reason: Failure): void {
    super.connectionLost(reason);
    if (this.#joined) this.factory.left();
    this.#joined = false;
  }

  say(number: number): void {
    this.sendLine(`#${this.factory.id} ${number} ${saying(this.factory.id, number)}`);
  }

  #join(): void {
    this.#joined = true;
    this.factory.resetDelay();
    this.factory.joined(this);
  }
}

class ChatterFactory extends ReconnectingClientFactory<Chatter> {
  override maxDelay = 60;
  readonly room: Room;
  readonly id: number;
  chatter: Chatter | null = null;
  #names = 0;
  #said = 0;

  constructor(room: Room, id: number, host: SimulatedHost) {
    super();
    this.room = room;
    this.id = id;
    this.random = room.sim.random;
    this.begin(host);
  }

  override buildProtocol(_addr: Address): Chatter {
    const chatter = new Chatter();
    chatter.factory = this;
    return chatter;
  }

  override clientConnectionLost(connector: Connector, reason: Failure): void {
    this.room.losses++;
    super.clientConnectionLost(connector, reason);
  }

  override clientConnectionFailed(connector: Connector, reason: Failure): void {
    this.room.failures++;
    super.clientConnectionFailed(connector, reason);
  }

  /** Connect, and talk from now on: at the start, and when the host is up again. */
  begin(host: SimulatedHost): void {
    this.clock = host.reactor;
    this.connector = null;
    this.resetDelay();
    if (this.chatter !== null) this.left();
    const { random } = this;
    host.reactor.callLater(random() * 60, () => host.reactor.connectTCP("chat", CHAT_PORT, this, { timeout: 20 }));
    const goOn = () => {
      this.talk();
      host.reactor.callLater(-MEAN_GAP_SECONDS * Math.log(1 - random()), goOn);
    };
    host.reactor.callLater(MEAN_GAP_SECONDS * random(), goOn);
  }

  talk(): void {
    if (this.chatter === null) return;
    this.room.said++;
    this.chatter.say(++this.#said);
  }

  /** Another name each time: the room may still have the one of a connection that is half open. */
  nextName(): string {
    return `u${this.id}.${++this.#names}`;
  }

  joined(chatter: Chatter): void {
    this.chatter = chatter;
    this.room.here++;
  }

  left(): void {
    this.chatter = null;
    this.room.here--;
  }
}

/** What somebody says as their message of a number. */
function saying(id: number, number: number): string {
  return `${"so it goes, ".repeat((id + number) % 4)}${(id * 7919 + number * 104_729) % 1_000_003}`;
}

/** The server and its clients. */
export class Room {
  readonly sim: Simulation;
  readonly size: number;
  readonly server: ChatFactory;
  readonly hosts: SimulatedHost[];
  /** Those that have a name now. */
  here = 0;
  said = 0;
  heard = 0;
  losses = 0;
  failures = 0;
  readonly #factories: ChatterFactory[] = [];
  /** For each speaker and each listener: the number of the last message that was heard. */
  readonly #heardFrom: Int32Array;
  /** What was understood last: the others hear the same. */
  #understood = { text: "", speaker: -1, number: -1 };

  /** `size` clients on `hosts` hosts, and the server on one of its own. */
  constructor(sim: Simulation, size: number, hosts: number) {
    this.sim = sim;
    this.size = size;
    this.#heardFrom = new Int32Array(size * size);
    const host = sim.host("chat");
    this.server = new ChatFactory(host.reactor);
    host.reactor.listenTCP(CHAT_PORT, this.server, { backlog: 128 });
    this.hosts = Array.from({ length: hosts }, (_, i) => sim.host(`pc${i}`));
    for (let id = 0; id < size; id++) this.#factories.push(new ChatterFactory(this, id, this.hosts[id % hosts]!));
  }

  /** Who said it, and as their message of which number. Throws when nobody says such a thing. */
  understand(text: string): { speaker: number; number: number } {
    if (text === this.#understood.text) return this.#understood;
    const said = SAID.exec(text);
    const [speaker, number] = [Number(said?.[2]), Number(said?.[3])];
    if (said?.[4] !== saying(speaker, number)) throw new Error(`Nobody said: ${text}`);
    this.#understood = { text, speaker, number };
    return this.#understood;
  }

  /** Throws when `listener` has heard that message of `speaker`, or a later one. */
  inOrder(speaker: number, listener: number, number: number): void {
    const at = speaker * this.size + listener;
    if (number <= this.#heardFrom[at]!)
      throw new Error(`${listener} heard message ${number} of ${speaker} out of order`);
    this.#heardFrom[at] = number;
  }

  /** Have everybody who is here say something. */
  rollCall(): void {
    for (const factory of this.#factories) factory.talk();
  }

  /** Start the clients of a host again. */
  readonly restarted = (host: SimulatedHost): void => {
    const index = this.hosts.indexOf(host);
    for (const factory of this.#factories) {
      if (factory.id % this.hosts.length === index) factory.begin(host);
    }
  };
}
