/** Connections through a SOCKS server. */
import { check } from "../../internet/arguments/check.ts";
import { ensureFactory } from "../../internet/arguments/factories.ts";
import { text } from "../../internet/arguments/kinds.ts";
import { ensureClientEndpoint, ensureHost } from "../../internet/arguments/reactors.ts";
import { Deferred } from "../../internet/defer/deferred.ts";
import { fail } from "../../internet/defer/makers.ts";
import type { ClientEndpoint } from "../../internet/endpoints/interfaces.ts";
import { ConnectingCancelledError, NoProtocol } from "../../internet/error.ts";
import type { Failure } from "../../internet/failure.ts";
import type { Address, ProtocolLike, Transport } from "../../internet/interfaces.ts";
import { Protocol, type ProtocolFactory } from "../../internet/protocol.ts";
import { WrappingFactory } from "../policies/wrapper.ts";
import { PreambleWrapper } from "../preamble.ts";
import { CONNECT, encodeRequest, GRANTED, REPLY_LENGTH, SOCKSError } from "./request.ts";

const CALL = "new SOCKS4ClientEndpoint(proxy, host, port, user)";

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

  /**
   * @param proxy the endpoint of the SOCKS server
   * @throws TypeError; RangeError for a port that is out of range
   */
  constructor(proxy: ClientEndpoint, host: string, port: number, user = "") {
    ensureClientEndpoint(CALL, proxy, "proxy");
    ensureHost(CALL, host, port);
    check(CALL, "user", user, text);
    this.#proxy = proxy;
    this.#host = host;
    this.#port = port;
    this.#user = user;
  }

  /** Like every endpoint. Also fails with SOCKSError when the server rejects the request or does not reply to it. */
  connect<P extends ProtocolLike>(factory: ProtocolFactory<P>): Deferred<P> {
    let request: Buffer;
    try {
      ensureFactory("connect(factory)", factory);
      request = encodeRequest(CONNECT, this.#host, this.#port, this.#user);
    } catch (error) {
      return fail(error);
    }
    const to = `${this.#host}:${this.#port}`;
    return this.#proxy.connect(new ThroughProxy(factory, request, to)).addCallback(({ ready }) => ready);
  }
}

/** Sends the request and reads the reply before the protocols of another factory are built. */
class ThroughProxy<P extends ProtocolLike> extends WrappingFactory<ProtocolLike, ProxiedConnection<P>> {
  readonly #factory: ProtocolFactory<P>;
  readonly #request: Buffer;
  readonly #to: string;

  constructor(factory: ProtocolFactory<P>, request: Buffer, to: string) {
    super(factory);
    this.#factory = factory;
    this.#request = request;
    this.#to = to;
  }

  override buildProtocol(addr: Address): ProxiedConnection<P> {
    return new ProxiedConnection(this, this.#request, this.#to, () => this.#factory.buildProtocol(addr));
  }
}

class ProxiedConnection<P extends ProtocolLike> extends PreambleWrapper {
  /** Fires with the protocol once it is connected. */
  readonly ready: Deferred<P>;
  readonly #build: () => P | null | undefined;
  #protocol: P | null = null;

  constructor(factory: ThroughProxy<P>, request: Buffer, to: string, build: () => P | null | undefined) {
    super(factory, new Protocol());
    this.#build = build;
    this.ready = new Deferred<P>(() => this.failConnecting(new ConnectingCancelledError(to)));
    this.wrappedProtocol = new Handshake(this, request, to);
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
  readonly #wrapper: ProxiedConnection<P>;
  readonly #request: Buffer;
  readonly #to: string;
  #reply: Buffer = Buffer.alloc(0);

  constructor(wrapper: ProxiedConnection<P>, request: Buffer, to: string) {
    super();
    this.#wrapper = wrapper;
    this.#request = request;
    this.#to = to;
  }

  override connectionMade(): void {
    this.transport.write(this.#request);
  }

  override dataReceived(data: Buffer): unknown {
    this.#reply = Buffer.concat([this.#reply, data]);
    if (this.#reply.length < REPLY_LENGTH) return undefined;
    const [version, code] = this.#reply;
    if (version === 0 && code === GRANTED) return this.#wrapper.begin(this.#reply.subarray(REPLY_LENGTH));
    const why =
      version === 0
        ? `The SOCKS server rejected the connection to ${this.#to} (code ${code}).`
        : `The reply to the request to connect to ${this.#to} is not from a SOCKS 4 server: check its address.`;
    this.#wrapper.failConnecting(new SOCKSError(why));
    return undefined;
  }

  override connectionLost(reason: Failure): void {
    const why = `The SOCKS server closed the connection without a reply to the request to connect to ${this.#to}.`;
    this.#wrapper.failConnecting(new SOCKSError(why, { cause: reason.value }));
  }
}
