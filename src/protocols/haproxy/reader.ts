/** Reads the header of a connection, for as long as it may take. */
import { UNIXAddress } from "../../internet/address.ts";
import type { Failure } from "../../internet/failure.ts";
import type { Address } from "../../internet/interfaces.ts";
import { Protocol } from "../../internet/protocol.ts";
import { monotonicClock, type ReactorTime } from "../../internet/time.ts";
import { Refusals } from "../../logger/refusals.ts";
import { TimeoutMixin } from "../policies/timeout.ts";
import { Waiting } from "../policies/waiting.ts";
import { InvalidNetworkProtocol, InvalidProxyHeader, type ProxyInfo } from "./info.ts";
import { ProxyHeaderParser } from "./parser.ts";

/** The peer of all connections over UNIX sockets, which have no addresses. */
const UNIX = "unix";

/** What the connections of one factory share. */
export class Reading {
  /** Measures the timeout; null when there is none. */
  clock: ReactorTime | null;
  readonly timeout: number | null;
  /** The connections that wait for their headers. */
  readonly #waiting: Waiting<HeaderReader>;
  readonly #strangers = new Refusals();
  readonly #headers = new Refusals();
  readonly #surplus = new Refusals();

  constructor(timeout: number | null, maxWaiting: number, clock: ReactorTime | null) {
    this.timeout = timeout;
    this.#waiting = new Waiting(maxWaiting);
    this.clock = clock;
  }

  begin(reader: HeaderReader, proxy: Address | UNIXAddress): void {
    this.#waiting.add(reader, proxy instanceof UNIXAddress ? UNIX : proxy.host);
    const { most } = this.#waiting;
    this.#waiting
      .surplus()
      ?.refuse(
        `more than ${most} connections wait for their PROXY headers, and no other proxy has more of them.`,
        this.#surplus,
      );
  }

  end(reader: HeaderReader): void {
    this.#waiting.delete(reader);
  }

  refuseStranger(peer: Address): void {
    this.note(this.#strangers, peer, "it is none of the trusted proxies. If it is one of yours, add it to `trusted`.");
  }

  /** Log why the connection from `peer` is closed. */
  note(refusals: Refusals | null, peer: Address, why: string): void {
    const now = (this.clock ?? monotonicClock).seconds();
    (refusals ?? this.#headers).note(now, () => `The connection from ${peer} is closed: ${why}`);
  }
}

/** Hands the connection over once it has read the header. */
export class HeaderReader extends TimeoutMixin(Protocol) {
  static override readonly borrows: boolean = true;
  readonly #reading: Reading;
  readonly #proxy: Address | UNIXAddress;
  readonly #begin: (info: ProxyInfo, rest: Uint8Array) => unknown;
  readonly #parser = new ProxyHeaderParser();

  /** @param begin is called with the contents of the header and the bytes after it */
  constructor(reading: Reading, proxy: Address | UNIXAddress, begin: (info: ProxyInfo, rest: Uint8Array) => unknown) {
    super();
    this.#reading = reading;
    this.#proxy = proxy;
    this.#begin = begin;
    this.clock = reading.clock;
  }

  override connectionMade(): void {
    this.setTimeout(this.#reading.timeout);
    this.#reading.begin(this, this.#proxy);
  }

  override dataReceived(data: Buffer): unknown {
    let used: number;
    let info: ProxyInfo | null;
    try {
      used = this.#parser.feed(data);
      info = this.#parser.info;
      if (info !== null) this.#ensureFits(info);
    } catch (error) {
      if (!(error instanceof InvalidProxyHeader)) throw error;
      this.refuse(error.message);
      return undefined;
    }
    if (info === null) return undefined;
    this.#end();
    return this.#begin(info, data.subarray(used));
  }

  override timeoutConnection(): void {
    this.refuse(`No complete PROXY header arrived within ${this.#reading.timeout} seconds.`);
  }

  override connectionLost(reason: Failure): unknown {
    this.#reading.end(this);
    return super.connectionLost(reason);
  }

  /** Close the connection, and log why. */
  refuse(why: string, refusals: Refusals | null = null): void {
    this.#end();
    this.#reading.note(refusals, this.transport.getPeer(), why);
    this.transport.abortConnection();
  }

  #end(): void {
    this.setTimeout(null);
    this.#reading.end(this);
  }

  /** The address of a client of TCP cannot be a path, which may imitate any other address. @throws InvalidNetworkProtocol */
  #ensureFits({ source }: ProxyInfo): void {
    if (this.#parser.isDatagram) {
      throw new InvalidNetworkProtocol("The PROXY header names datagrams, and this connection is a stream.");
    }
    if (source instanceof UNIXAddress && !(this.#proxy instanceof UNIXAddress)) {
      throw new InvalidNetworkProtocol("The PROXY header names a UNIX socket, which only proxies on UNIX sockets may.");
    }
  }
}
