/** Connections through a proxy, which appear to their protocols as direct connections. */
import type { Address, ProtocolLike } from "../../internet/interfaces.ts";
import { Protocol } from "../../internet/protocol.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import { installedReactor } from "../../internet/reactor/installation.ts";
import type { ReactorTime } from "../../internet/time.ts";
import { type WrappableFactory, WrappingFactory } from "../policies/wrapper.ts";
import { PreambleWrapper } from "../preamble.ts";
import type { ProxyInfo } from "./info.ts";
import { type CheckedOptions, ensureProxyOptions, type ProxyOptions } from "./options.ts";
import { HeaderReader, Reading } from "./reader.ts";

let readingOf: (factory: HAProxyWrappingFactory) => Reading;

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
    this.wrappedProtocol = new HeaderReader(readingOf(factory), addr, (info, rest) => this.begin(info, rest));
  }

  /** The header has been read: build the protocol for the original client. */
  begin(info: ProxyInfo, rest: Uint8Array): unknown {
    this.proxyInfo = info;
    const protocol = this.factory.wrappedFactory.buildProtocol(asAddress(info.source) ?? this.#addr);
    if (protocol !== null && protocol !== undefined) return this.handOver(protocol, rest);
    // As a port does it. A FIN would let a client that does not close keep the descriptor.
    this.abortConnection();
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
 * header has been read; when it builds none, the connection is reset. So is one without a header, and one of a peer that is
 * not trusted.
 */
export class HAProxyWrappingFactory extends WrappingFactory<ProtocolLike, HAProxyProtocolWrapper> {
  readonly #trusts: CheckedOptions["trusts"];
  readonly #reading: Reading;

  static {
    readingOf = (factory) => factory.#reading;
  }

  /** @throws TypeError without `options.trusted`, or when the factory expects headers already; TypeError | RangeError */
  constructor(wrappedFactory: WrappableFactory<ProtocolLike>, options: ProxyOptions) {
    super(wrappedFactory);
    const call = `new ${new.target.name}(wrappedFactory, options)`;
    ensureNotNested(call, wrappedFactory);
    const { trusts, timeout, maxWaiting, clock } = ensureProxyOptions(call, options);
    this.#trusts = trusts;
    this.#reading = new Reading(timeout, maxWaiting, clock);
  }

  /** Seconds until the complete header must have arrived; null: no timeout. */
  get timeout(): number | null {
    return this.#reading.timeout;
  }

  /** Measures the timeout. */
  get clock(): ReactorTime | null {
    return this.#reading.clock;
  }

  set clock(clock: ReactorTime | null) {
    this.#reading.clock = clock;
  }

  /** @throws NoClockError when there is neither a clock nor an installed reactor, and a timeout */
  override startFactory(): void {
    this.clock ??= this.timeout === null ? (installedReactor() ?? null) : defaultClock();
    super.startFactory();
  }

  /** Null for a peer that is not trusted, which closes its connection. */
  override buildProtocol(addr: Address): HAProxyProtocolWrapper | null {
    if (this.#trusts(addr)) return new HAProxyProtocolWrapper(this, addr);
    this.#reading.refuseStranger(addr);
    return null;
  }
}

/** A second header would be the client's own, and say whatever it likes. @throws TypeError */
function ensureNotNested(call: string, wrappedFactory: object): void {
  let inner: object = wrappedFactory;
  while (inner instanceof WrappingFactory) {
    if (inner instanceof HAProxyWrappingFactory) throw new TypeError(`${call}: ${NESTED}`);
    inner = inner.wrappedFactory;
  }
}

/** Why a port expects one header only. */
export const NESTED =
  "PROXY headers do not nest: the second one would be written by whoever connects to the proxy. Expect one header only.";
