/** Connections that come through a proxy, as their protocols are to see them. */

import type { Address, ProtocolLike } from "../../internet/interfaces.ts";
import { Protocol } from "../../internet/protocol.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import type { ReactorTime } from "../../internet/time.ts";
import { msg } from "../../logger/log.ts";
import { TimeoutMixin } from "../policies/timeout.ts";
import { type WrappableFactory, WrappingFactory } from "../policies/wrapper.ts";
import { PreambleWrapper } from "../preamble.ts";
import { InvalidProxyHeader, type ProxyInfo } from "./info.ts";
import { ProxyHeaderParser } from "./parser.ts";

/** How the header of a proxy is awaited. */
export interface ProxyOptions {
  /** Seconds that a connection may take to bring its header, or null for any. Default 30. */
  readonly timeout?: number | null;
  /** What measures them. Default: the installed reactor. */
  readonly clock?: ReactorTime | null;
}

const TIMEOUT_SECONDS = 30;

/** Reads the header, and gives way to the protocol that it is for. */
class HeaderReader extends TimeoutMixin(Protocol) {
  static override readonly borrows: boolean = true;
  readonly #wrapper: HAProxyProtocolWrapper;
  readonly #seconds: number | null;
  readonly #parser = new ProxyHeaderParser();

  constructor(wrapper: HAProxyProtocolWrapper, clock: ReactorTime | null, seconds: number | null) {
    super();
    this.#wrapper = wrapper;
    this.#seconds = seconds;
    this.clock = clock;
  }

  override connectionMade(): void {
    this.setTimeout(this.#seconds);
  }

  override dataReceived(data: Buffer): unknown {
    let used: number;
    try {
      used = this.#parser.feed(data);
    } catch (error) {
      if (!(error instanceof InvalidProxyHeader)) throw error;
      this.#refuse(error.message);
      return undefined;
    }
    const { info } = this.#parser;
    if (info === null) return undefined;
    this.setTimeout(null);
    return this.#wrapper.begin(info, data.subarray(used));
  }

  override timeoutConnection(): void {
    this.#refuse(`No whole PROXY header came within ${this.#seconds} seconds.`);
  }

  #refuse(why: string): void {
    this.setTimeout(null);
    msg(`The connection from ${this.transport.getPeer()} is closed: ${why}`);
    this.transport.abortConnection();
  }
}

/** A connection whose addresses are those that its PROXY header tells. */
export class HAProxyProtocolWrapper extends PreambleWrapper {
  declare factory: HAProxyWrappingFactory;
  /** What the header told; null until it was read. */
  proxyInfo: ProxyInfo | null = null;
  readonly #addr: Address;

  /** @param addr the address of the proxy */
  constructor(factory: HAProxyWrappingFactory, addr: Address) {
    // The reader is lent this wrapper, which does not exist before super().
    super(factory, new Protocol());
    this.#addr = addr;
    this.wrappedProtocol = new HeaderReader(this, factory.clock, factory.timeout);
  }

  /** The header was read: build the protocol for the one who came through the proxy. */
  begin(info: ProxyInfo, rest: Uint8Array): unknown {
    this.proxyInfo = info;
    const protocol = this.factory.wrappedFactory.buildProtocol(asAddress(info.source) ?? this.#addr);
    if (protocol !== null && protocol !== undefined) return this.handOver(protocol, rest);
    this.loseConnection();
    return undefined;
  }

  override getPeer(): Address {
    return asAddress(this.proxyInfo?.source) ?? super.getPeer();
  }

  override getHost(): Address {
    return asAddress(this.proxyInfo?.destination) ?? super.getHost();
  }
}

/** No transport of the engine has a UNIX address yet, so that the type lacks them. */
function asAddress(address: ProxyInfo["source"] | undefined): Address | null {
  return (address ?? null) as Address | null;
}

/**
 * Puts a PROXY header before the protocols of another factory: those are built once the header was read, by
 * `buildProtocol(source)`. A connection without a header is closed.
 */
export class HAProxyWrappingFactory extends WrappingFactory<ProtocolLike, HAProxyProtocolWrapper> {
  readonly timeout: number | null;
  clock: ReactorTime | null;

  constructor(wrappedFactory: WrappableFactory<ProtocolLike>, options: ProxyOptions = {}) {
    super(wrappedFactory);
    this.timeout = options.timeout === undefined ? TIMEOUT_SECONDS : options.timeout;
    this.clock = options.clock ?? null;
  }

  /** @throws NoClockError when there is neither a clock nor an installed reactor, and a timeout */
  override startFactory(): void {
    if (this.timeout !== null) this.clock ??= defaultClock();
    super.startFactory();
  }

  override buildProtocol(addr: Address): HAProxyProtocolWrapper {
    return new HAProxyProtocolWrapper(this, addr);
  }
}
