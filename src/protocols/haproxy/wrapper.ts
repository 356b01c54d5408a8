/** Connections through a proxy, which appear to their protocols as direct connections. */
import { checkOptions, type OptionKinds } from "../../internet/arguments/check.ts";
import { clock, orNull, seconds } from "../../internet/arguments/kinds.ts";
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

/** Options for reading the header. */
export interface ProxyOptions {
  /** Seconds until the complete header must have arrived; null: no timeout. Default 30. */
  readonly timeout?: number | null;
  /** Measures the timeout. Default: the installed reactor. */
  readonly clock?: ReactorTime | null;
}

const OPTIONS: OptionKinds<ProxyOptions> = { timeout: orNull(seconds), clock: orNull(clock) };

const TIMEOUT_SECONDS = 30;

/** Check options. @returns a copy @throws TypeError | RangeError */
export function ensureProxyOptions(call: string, options: unknown): ProxyOptions {
  return checkOptions<ProxyOptions>(call, options, OPTIONS);
}

/** Reads the header, then hands the connection to the protocol behind it. */
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
    this.#refuse(`No complete PROXY header arrived within ${this.#seconds} seconds.`);
  }

  #refuse(why: string): void {
    this.setTimeout(null);
    msg(`The connection from ${this.transport.getPeer()} is closed: ${why}`);
    this.transport.abortConnection();
  }
}

/** A connection whose addresses are those of its PROXY header. */
export class HAProxyProtocolWrapper extends PreambleWrapper {
  declare factory: HAProxyWrappingFactory;
  /** The contents of the header; null until it has been read. */
  proxyInfo: ProxyInfo | null = null;
  readonly #addr: Address;

  /** @param addr the address of the proxy */
  constructor(factory: HAProxyWrappingFactory, addr: Address) {
    // A placeholder: the reader needs this wrapper, which does not exist before super().
    super(factory, new Protocol());
    this.#addr = addr;
    this.wrappedProtocol = new HeaderReader(this, factory.clock, factory.timeout);
  }

  /** The header has been read: build the protocol for the original client. */
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

/** The type lacks UNIX addresses, since no transport of the engine has one yet. */
function asAddress(address: ProxyInfo["source"] | undefined): Address | null {
  return (address ?? null) as Address | null;
}

/**
 * Expects a PROXY header before the protocols of another factory. Those are built by its `buildProtocol(source)` when the
 * header has been read. A connection without a header is closed.
 */
export class HAProxyWrappingFactory extends WrappingFactory<ProtocolLike, HAProxyProtocolWrapper> {
  readonly timeout: number | null;
  clock: ReactorTime | null;

  /** @throws TypeError | RangeError */
  constructor(wrappedFactory: WrappableFactory<ProtocolLike>, options: ProxyOptions = {}) {
    super(wrappedFactory);
    const checked = ensureProxyOptions(`new ${new.target.name}(wrappedFactory, options)`, options);
    this.timeout = checked.timeout === undefined ? TIMEOUT_SECONDS : checked.timeout;
    this.clock = checked.clock ?? null;
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
