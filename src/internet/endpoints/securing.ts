/** Connections that begin plain, and turn to TLS before their protocol has them. */
import type { Deferred } from "../defer/deferred.ts";
import type { Address, ListeningPort, ProtocolLike, TLSListeningPort, TLSTransport } from "../interfaces.ts";
import type { ProtocolFactory } from "../protocol.ts";
import { type ContextFactory, securityOf } from "../tls/seam.ts";

/** Begins TLS before the protocol has its transport. */
export class SecuringFactory<P extends ProtocolLike> implements ProtocolFactory<P> {
  contextFactory: ContextFactory;
  readonly #factory: ProtocolFactory<P>;
  readonly #server: boolean;

  constructor(factory: ProtocolFactory<P>, contextFactory: ContextFactory, server: boolean) {
    this.#factory = factory;
    this.contextFactory = contextFactory;
    this.#server = server;
  }

  doStart(): void {
    this.#factory.doStart();
  }

  doStop(): void {
    this.#factory.doStop();
  }

  buildProtocol(addr: Address): P | null | undefined {
    const protocol = this.#factory.buildProtocol(addr);
    if (protocol === null || protocol === undefined) return protocol;
    const covered: ProtocolLike = protocol;
    const own = Object.getOwnPropertyDescriptor(covered, "makeConnection");
    covered.makeConnection = (transport) => {
      Reflect.deleteProperty(covered, "makeConnection");
      if (own !== undefined) Object.defineProperty(covered, "makeConnection", own);
      (transport as TLSTransport).startTLS(this.contextFactory, { server: this.#server });
      return covered.makeConnection(transport);
    };
    return protocol;
  }
}

/** A plain port whose connections get their TLS from a factory. */
export class LaterSecuredPort implements TLSListeningPort {
  readonly #port: ListeningPort;
  readonly #securing: SecuringFactory<ProtocolLike>;

  constructor(port: ListeningPort, securing: SecuringFactory<ProtocolLike>) {
    this.#port = port;
    this.#securing = securing;
  }

  setContext(contextFactory: ContextFactory): void {
    securityOf("setContext(contextFactory)", contextFactory);
    this.#securing.contextFactory = contextFactory;
  }

  startListening(): void {
    this.#port.startListening();
  }

  stopListening(): Deferred<void> {
    return this.#port.stopListening();
  }

  connections(): Iterable<TLSTransport> {
    return this.#port.connections() as Iterable<TLSTransport>;
  }

  getHost(): Address {
    return this.#port.getHost();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#port[Symbol.asyncDispose]();
  }
}
