/** A protocol that writes down what happens to it, and a transport that is half closed as the test pleases. */
import { onTestFinished } from "vitest";
import type { ProtocolWrapper } from "../../src/entries/protocols/policies.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { Address, ProtocolLike } from "../../src/internet/interfaces.ts";
import { Factory, Protocol, type ProtocolFactory } from "../../src/internet/protocol.ts";
import { setObserver } from "../../src/logger/log.ts";
import { FakeTransport } from "./fake-transport.ts";

export const PEER = new IPv4Address("TCP", "192.0.2.1", 54321);

/** Keeps a copy of what it receives, as text. */
export class Keeper extends Protocol {
  readonly calls: string[] = [];
  received = "";
  reason: Failure | undefined;

  override connectionMade(): void {
    this.calls.push("connectionMade");
  }
  override dataReceived(data: Buffer): void {
    this.received += data.toString();
  }
  override connectionLost(reason: Failure): void {
    this.calls.push("connectionLost");
    this.reason = reason;
  }
}

/** A Keeper that wants to know of each half. */
export class HalfKeeper extends Keeper {
  readConnectionLost(): void {
    this.calls.push("readConnectionLost");
  }
  writeConnectionLost(): void {
    this.calls.push("writeConnectionLost");
  }
}

/** A producer that only writes down what it is told. */
export class Told {
  readonly calls: string[] = [];
  pauseProducing(): void {
    this.calls.push("pause");
  }
  resumeProducing(): void {
    this.calls.push("resume");
  }
  stopProducing(): void {
    this.calls.push("stop");
  }
}

/** Knows of the end of its write side, and closes for a protocol that does not ask for halves, as the engine does. */
export class HalfTransport extends FakeTransport {
  halfClosed = false;
  #protocol: Partial<HalfKeeper> | undefined;

  override connect(protocol: ProtocolLike): this {
    this.#protocol = protocol as Partial<HalfKeeper>;
    return super.connect(protocol);
  }
  override loseWriteConnection(): void {
    this.halfClosed = true;
  }
  /** The peer has ended its side. */
  end(): void {
    if (typeof this.#protocol?.readConnectionLost === "function") this.#protocol.readConnectionLost();
    else this.loseConnection();
  }
  /** Our end has left. */
  ended(): void {
    this.#protocol?.writeConnectionLost?.();
  }
}

/** A factory of Keepers, or of another class. */
export function keepers(): Factory & ProtocolFactory<Keeper>;
export function keepers<P extends Protocol>(protocol: new () => P): Factory & ProtocolFactory<P>;
export function keepers(protocol: new () => Protocol = Keeper): Factory & ProtocolFactory<Protocol> {
  return Factory.forProtocol(protocol);
}

/** One connection of a factory that wraps: its wrapper, what is wrapped, and its transport. */
export function connect<W extends ProtocolWrapper>(
  factory: { buildProtocol(addr: Address): W | null },
  transport = new HalfTransport(),
): { wrapper: W; wrapped: W["wrappedProtocol"]; transport: HalfTransport } {
  const wrapper = factory.buildProtocol(PEER);
  if (wrapper === null) throw new Error("the factory built nothing");
  const wrapped = wrapper.wrappedProtocol;
  transport.connect(wrapper);
  return { wrapper, wrapped, transport };
}

/** The messages that are logged until the test ends. */
export function logged(): string[] {
  const messages: string[] = [];
  setObserver(({ message }) => {
    messages.push(message);
  });
  onTestFinished(() => {
    setObserver(undefined);
  });
  return messages;
}
