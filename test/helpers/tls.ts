/** Servers and clients of TLS for tests. */
import type { TLSTransport } from "../../src/internet/interfaces.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { CertificateOptions, type CertificateOptionsInit } from "../../src/internet/tls/options.ts";
import type { ContextFactory, TLSInfo } from "../../src/internet/tls/seam.ts";
import { Gate } from "./gate.ts";
import { Client, Recorder, Server } from "./recorder.ts";

/** A Recorder that keeps what was agreed. */
export class SecureRecorder extends Recorder {
  readonly shaken = new Gate<TLSInfo>();
  onShaken: () => void = () => {};

  get secure(): TLSTransport {
    return this.transport as TLSTransport;
  }

  handshakeCompleted(): void {
    this.calls.push("handshakeCompleted");
    this.shaken.open(this.secure.getTLSInfo()!);
    this.onShaken();
  }

  /** What was agreed, or the error that the connection was lost by. */
  outcome(): Promise<TLSInfo | Error> {
    return Promise.race([this.shaken.promise, this.lossError() as Promise<Error>]);
  }
}

/** Sends back what it receives. */
export class SecureEcho extends SecureRecorder {
  override onData = (data: Buffer): void => this.transport.write(data);
}

export interface SecureServer<P extends SecureRecorder> {
  readonly port: number;
  /** The next connection's protocol. */
  next(): Promise<P>;
}

/** Listen on a free port of 127.0.0.1. */
export function serveTLS<P extends SecureRecorder>(
  reactor: EngineReactor,
  options: CertificateOptionsInit | ContextFactory,
  build: () => P,
): SecureServer<P> {
  const factory = new Server(build);
  const context = isContext(options) ? options : new CertificateOptions(options);
  const listening = reactor.listenSSL(0, factory, context, { interface: "127.0.0.1" });
  return { port: listening.getHost().port, next: () => factory.next() };
}

function isContext(options: CertificateOptionsInit | ContextFactory): options is ContextFactory {
  return Object.getOwnPropertySymbols(options).length > 0 || options instanceof CertificateOptions;
}

/** Connect to 127.0.0.1. Rejects when there is no connection; the handshake is not done yet. */
export async function dialTLS<P extends SecureRecorder>(
  reactor: EngineReactor,
  port: number,
  options: ContextFactory,
  protocol: P,
): Promise<P> {
  const factory = new Client(() => protocol);
  reactor.connectSSL("127.0.0.1", port, factory, options);
  const failed = factory.failures.next().then((failure) => Promise.reject(failure.value));
  await Promise.race([protocol.made.promise, failed]);
  return protocol;
}
