/** Connections through a SOCKS server. */
import { check, checkOptions, type OptionKinds } from "../../internet/arguments/check.ts";
import { ensureFactory } from "../../internet/arguments/factories.ts";
import { seconds, text } from "../../internet/arguments/kinds.ts";
import { ensureClientEndpoint, ensureHost } from "../../internet/arguments/reactors.ts";
import { Deferred } from "../../internet/defer/deferred.ts";
import { fail } from "../../internet/defer/makers.ts";
import type { ClientEndpoint } from "../../internet/endpoints/interfaces.ts";
import { ConnectingCancelledError, NoProtocol } from "../../internet/error.ts";
import type { Failure } from "../../internet/failure.ts";
import type { Address, ProtocolLike, Transport } from "../../internet/interfaces.ts";
import { Protocol, type ProtocolFactory } from "../../internet/protocol.ts";
import { type Loop, loopOf } from "../../internet/reactor/loop.ts";
import { printable } from "../../logger/printable.ts";
import { WrappingFactory } from "../policies/wrapper.ts";
import { PreambleWrapper } from "../preamble.ts";
import { CONNECT, encodeRequest, GRANTED, REPLY_LENGTH, SOCKSError } from "./request.ts";

const CALL = "new SOCKS4ClientEndpoint(proxy, host, port, user, options)";

/** Seconds for the server's reply, by default. */
const REPLY_SECONDS = 30;

/** Options of a {@link SOCKS4ClientEndpoint}. */
export interface SOCKS4ClientOptions {
  /** Seconds for the server's reply once it is connected; it connects to the host meanwhile. Default: 30. Infinity: none. */
  readonly timeout?: number;
}

const OPTIONS: OptionKinds<SOCKS4ClientOptions> = { timeout: seconds };

/**
 * Connects to a host through a SOCKS 4 server. Unless the host is an IPv4 address, the server resolves it (SOCKS 4a). The
 * protocol is built and connected when the server has granted the request. getPeer() and getHost() of its transport return
 * the addresses of the connection to the server.
 */
export class SOCKS4ClientEndpoint implements ClientEndpoint {
  readonly #proxy: ClientEndpoint;
  readonly #host: string;
  readonly #port: number;
  readonly #user: string;
  readonly #timeout: number;

  /**
   * @param proxy the endpoint of the SOCKS server
   * @throws TypeError; RangeError for a port or a timeout that is out of range
   */
  constructor(proxy: ClientEndpoint, host: string, port: number, user = "", options: SOCKS4ClientOptions = {}) {
    ensureClientEndpoint(CALL, proxy, "proxy");
    ensureHost(CALL, host, port);
    check(CALL, "user", user, text);
    this.#proxy = proxy;
    this.#host = host;
    this.#port = port;
    this.#user = user;
    this.#timeout = checkOptions<SOCKS4ClientOptions>(CALL, options, OPTIONS).timeout ?? REPLY_SECONDS;
  }

  /**
   * Like every endpoint. Also fails with SOCKSError when the server rejects the request, closes without a reply, or does not
   * reply in time.
   */
  connect<P extends ProtocolLike>(factory: ProtocolFactory<P>): Deferred<P> {
    let request: Buffer;
    try {
      ensureFactory("connect(factory)", factory);
      request = encodeRequest(CONNECT, this.#host, this.#port, this.#user);
    } catch (error) {
      return fail(error);
    }
    const to = `${printable(this.#host)}:${this.#port}`;
    return this.#proxy.connect(new ThroughProxy(factory, request, to, this.#timeout)).addCallback(({ ready }) => ready);
  }
}

/** Sends the request and reads the reply before the protocols of another factory are built. */
class ThroughProxy<P extends ProtocolLike> extends WrappingFactory<ProtocolLike, ProxiedConnection<P>> {
  readonly #factory: ProtocolFactory<P>;
  readonly #request: Buffer;
  readonly #to: string;
  readonly #timeout: number;

  constructor(factory: ProtocolFactory<P>, request: Buffer, to: string, timeout: number) {
    super(factory);
    this.#factory = factory;
    this.#request = request;
    this.#to = to;
    this.#timeout = timeout;
  }

  override buildProtocol(addr: Address): ProxiedConnection<P> {
    const build = () => this.#factory.buildProtocol(addr);
    return new ProxiedConnection(
      this,
      build,
      (wrapper) => new Handshake(wrapper, this.#request, this.#to, this.#timeout),
    );
  }
}

class ProxiedConnection<P extends ProtocolLike> extends PreambleWrapper {
  /** Fires with the protocol once it is connected. */
  readonly ready: Deferred<P>;
  readonly #build: () => P | null | undefined;
  #protocol: P | null = null;

  constructor(
    factory: ThroughProxy<P>,
    build: () => P | null | undefined,
    handshake: (wrapper: ProxiedConnection<P>) => Handshake<P>,
  ) {
    super(factory, new Protocol());
    this.#build = build;
    const first = handshake(this);
    this.ready = new Deferred<P>(() => this.failConnecting(new ConnectingCancelledError(first.to)));
    this.wrappedProtocol = first;
  }

  /** The server has granted the connection. */
  begin(rest: Uint8Array): unknown {
    try {
      this.#protocol = this.#build() ?? null;
    } catch (error) {
      this.failConnecting(error);
      return undefined;
    }
    if (this.#protocol !== null) return this.handOver(this.#protocol, rest);
    this.failConnecting(new NoProtocol("The factory built no protocol, so the connection was closed."));
    return undefined;
  }

  /** Called for the handshake, and again for the protocol that follows it. */
  override makeConnection(transport: Transport): unknown {
    let result: unknown;
    try {
      result = super.makeConnection(transport);
    } catch (error) {
      this.failConnecting(error);
      throw error;
    }
    if (this.#protocol !== null && !this.ready.called) this.ready.callback(this.#protocol);
    return result;
  }

  /** Fail, and abort the connection. */
  failConnecting(error: unknown): void {
    if (!this.ready.called) this.ready.errback(error);
    this.abortConnection();
  }
}

/** Sends the request and reads the reply. */
class Handshake<P extends ProtocolLike> extends Protocol {
  static override readonly borrows: boolean = true;
  /** The host and the port that the server is to connect to. */
  readonly to: string;
  readonly #wrapper: ProxiedConnection<P>;
  readonly #request: Buffer;
  readonly #timeout: number;
  #reply: Buffer = Buffer.alloc(0);
  #loop: Loop | undefined;
  #timer: object | undefined;

  constructor(wrapper: ProxiedConnection<P>, request: Buffer, to: string, timeout: number) {
    super();
    this.#wrapper = wrapper;
    this.#request = request;
    this.to = to;
    this.#timeout = timeout;
  }

  override connectionMade(): void {
    this.transport.write(this.#request);
    if (this.#timeout === Number.POSITIVE_INFINITY) return;
    this.#loop = loopOf(this.transport);
    this.#timer = this.#loop.later(this.#timeout, () => this.#expired(), false);
  }

  override dataReceived(data: Buffer): unknown {
    this.#reply = Buffer.concat([this.#reply, data]);
    if (this.#reply.length < REPLY_LENGTH) return undefined;
    this.#stop();
    const [version, code] = this.#reply;
    if (version === 0 && code === GRANTED) return this.#wrapper.begin(this.#reply.subarray(REPLY_LENGTH));
    const why =
      version === 0
        ? `The SOCKS server rejected the connection to ${this.to} (code ${code}).`
        : `The reply to the request to connect to ${this.to} is not from a SOCKS 4 server: check its address.`;
    this.#wrapper.failConnecting(new SOCKSError(why));
    return undefined;
  }

  override connectionLost(reason: Failure): void {
    this.#stop();
    const why = `The SOCKS server closed the connection without a reply to the request to connect to ${this.to}.`;
    this.#wrapper.failConnecting(new SOCKSError(why, { cause: reason.value }));
  }

  #expired(): void {
    const why = `The SOCKS server did not reply to the request to connect to ${this.to} within ${this.#timeout} seconds.`;
    this.#wrapper.failConnecting(new SOCKSError(why));
  }

  #stop(): void {
    this.#loop?.cancelLater(this.#timer);
    this.#loop = undefined;
  }
}
