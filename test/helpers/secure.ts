/** TLS for tests: an authority with its certificates, protocols that note the handshake, and peers of node:tls. */
import { type ConnectionOptions, connect, createSecureContext, TLSSocket, type TLSSocketOptions } from "node:tls";
import type { Address, ListenTCPOptions, TLSListeningPort, TLSTransport } from "../../src/internet/interfaces.ts";
import { ServerFactory } from "../../src/internet/protocol.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import type { CertificateOptionsForIssue } from "../../src/internet/tls/arguments.ts";
import { TLSNotAvailableError } from "../../src/internet/tls/errors.ts";
import { KeyPair, type PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import {
  CertificateOptions,
  type CertificateOptionsInit,
  type ClientTLSOptions,
  optionsForClientTLS,
} from "../../src/internet/tls/options.ts";
import type { ContextFactory } from "../../src/internet/tls/seam.ts";
import type { Transport as Family } from "../portable/results.ts";
import { Gate } from "./gate.ts";
import { Peer, type PeerOptions, PeerServer } from "./peer.ts";
import { forEachReactor, type Make, type Subject } from "./reactors.ts";
import { Client, HalfRecorder, Recorder, type Served, Server } from "./recorder.ts";
import { loopback, type PeerSocket, world } from "./world.ts";

/** The name that the servers of tests have. */
export const HOST = "localhost";
export const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;

/** Signs certificates. */
export class Authority {
  readonly certificate: PrivateCertificate;

  constructor(commonName = "Authority of the tests") {
    this.certificate = KeyPair.generate("ed25519").selfSignedCert({ commonName }, { isAuthority: true });
  }

  issue(commonName: string, options: CertificateOptionsForIssue = {}): PrivateCertificate {
    const key = KeyPair.generate("ed25519");
    const names = { subjectAltNames: [commonName] };
    return key.newCertificate(
      this.certificate.signRequestObject(key.requestObject({ commonName }), { ...names, ...options }).dump(),
    );
  }
}

export const authority = new Authority();
export const serverCertificate = authority.issue(HOST, { subjectAltNames: [HOST, "127.0.0.1", "::1"] });
export const clientCertificate = authority.issue("ada", {
  subjectAltNames: ["URI:spiffe://example.org/ada"],
  uses: ["client"],
});

/** Call `body` for each reactor that has TLS. */
export function forEachTLSReactor(
  body: (make: Make, subject: Subject) => void,
  families: readonly Family[] = ["IPv4"],
): void {
  forEachReactor(body, families, hasTLS);
}

function hasTLS(subject: Subject): boolean {
  const place = subject.open();
  const reactor = place.reactor();
  try {
    reactor.listenSSL(0, new ServerFactory(), serverTLS(), { interface: place.loopback });
    return true;
  } catch (error) {
    if (error instanceof TLSNotAvailableError) return false;
    throw error;
  } finally {
    reactor.destroy();
    place.close();
  }
}

/** The options of a server, for HOST. */
export function serverTLS(options: CertificateOptionsInit = {}): CertificateOptions {
  return new CertificateOptions({ certificate: serverCertificate, ...options });
}

/** The same for tests that fill the network: no cipher is encrypted and decrypted faster by an emulated machine. */
export function chachaTLS(): CertificateOptions {
  return serverTLS({
    acceptableCiphers: "ECDHE-ECDSA-CHACHA20-POLY1305",
    cipherSuites: "TLS_CHACHA20_POLY1305_SHA256",
  });
}

/** The options of a client of such a server. */
export function clientTLS(options: ClientTLSOptions = {}, host = HOST): ContextFactory {
  return optionsForClientTLS(host, { trustRoot: authority.certificate, ...options });
}

/** Listens for TLS on a free port of the loopback. */
export function serveTLS<P extends Recorder>(
  reactor: EngineReactor,
  build: (addr: Address) => P,
  tls: ContextFactory = serverTLS(),
  options: ListenTCPOptions = {},
): Served<P> & { readonly listening: TLSListeningPort } {
  const factory = new Server(build);
  const listening = reactor.listenSSL(0, factory, tls, { interface: loopback(), ...options });
  return { factory, listening, port: listening.getHost().port, next: () => factory.next() };
}

/** Connect a protocol with TLS. Resolves when it is connected; the handshake is still to come. */
export async function dialTLS<P extends Recorder>(
  reactor: EngineReactor,
  port: number,
  protocol: P,
  tls: ContextFactory = clientTLS(),
): Promise<P> {
  const factory = new Client(() => protocol);
  reactor.connectSSL(loopback(), port, factory, tls);
  const failed = factory.failures.next().then((failure) => Promise.reject(failure.value));
  await Promise.race([protocol.made.promise, failed]);
  return protocol;
}

/** Two protocols whose handshake is done. */
export async function pairTLS<C extends Secure, S extends Secure>(
  reactor: EngineReactor,
  client: C,
  server: S,
  { ofClient = clientTLS(), ofServer = serverTLS() }: { ofClient?: ContextFactory; ofServer?: ContextFactory } = {},
): Promise<[C, S]> {
  const { port, listening } = serveTLS(reactor, () => server, ofServer);
  await dialTLS(reactor, port, client, ofClient);
  await Promise.all([client.secured.promise, server.secured.promise]);
  await listening.stopListening();
  return [client, server];
}

type Class<T> = abstract new () => T;

/** A recorder that notes the end of the handshake, too. */
function noting<R extends Recorder>(Base: new () => R) {
  class Noting extends (Base as unknown as Class<Recorder>) {
    readonly secured = new Gate();
    /** Called last by handshakeCompleted(). */
    onSecured: () => unknown = () => {};

    handshakeCompleted(): unknown {
      this.calls.push("handshakeCompleted");
      this.secured.open();
      return this.onSecured();
    }

    get tls(): TLSTransport {
      return this.transport as TLSTransport;
    }
  }
  return Noting as unknown as new () => R & InstanceType<typeof Noting>;
}

export class Secure extends noting(Recorder) {}

/** And wants to know of each half. */
export class SecureHalf extends noting(HalfRecorder) {}

/** The key and the certificate, as node:tls wants them. */
export function pemOf(certificate: PrivateCertificate): { key: string; cert: string } {
  return { key: certificate.privateKey.dump("PEM").toString(), cert: certificate.dumpPEM() };
}

const TRUSTED = authority.certificate.dumpPEM();

/** A peer of node:tls. */
export class TLSPeer extends Peer {
  readonly tls: TLSSocket;
  /** What it goes over. */
  readonly raw: PeerSocket;
  /** The handshake is done; rejected when it failed. */
  readonly secured: Promise<void>;

  constructor(tls: TLSSocket, raw: PeerSocket, options: PeerOptions = {}) {
    super(tls, options);
    this.tls = tls;
    this.raw = raw;
    this.secured = new Promise((resolve, reject) => {
      tls.once("secure", resolve);
      tls.once("error", reject);
      tls.once("close", () => reject(new Error("closed before the end of the handshake")));
    });
    this.secured.catch(() => undefined);
  }

  /** A client; its handshake has begun. */
  static begin(
    port: number,
    { tls = {}, ...options }: PeerOptions & { readonly tls?: ConnectionOptions } = {},
  ): TLSPeer {
    const socket = world().connect(port, options.host ?? loopback());
    return TLSPeer.over(socket, { tls, ...options });
  }

  /** A client over a connection that is there. */
  static over(
    socket: PeerSocket,
    { tls = {}, ...options }: PeerOptions & { readonly tls?: ConnectionOptions } = {},
  ): TLSPeer {
    socket.on("error", () => undefined);
    return new TLSPeer(connect({ socket, servername: HOST, ca: TRUSTED, ...tls }), socket, options);
  }

  /** A client whose handshake is done. */
  static async secure(
    port: number,
    options: PeerOptions & { readonly tls?: ConnectionOptions } = {},
  ): Promise<TLSPeer> {
    const peer = TLSPeer.begin(port, options);
    await peer.secured;
    return peer;
  }

  /** A server over a connection that is there. */
  static serve(
    socket: PeerSocket,
    { tls = {}, ...options }: PeerOptions & { readonly tls?: PeerServerOptions } = {},
  ): TLSPeer {
    socket.on("error", () => undefined);
    const { certificate = serverCertificate, context = {}, ...rest } = tls;
    const secureContext = createSecureContext({ ...pemOf(certificate), ca: TRUSTED, ...context });
    return new TLSPeer(new TLSSocket(socket as never, { isServer: true, secureContext, ...rest }), socket, options);
  }

  /** A port of node:tls. */
  static async listen(options: PeerOptions & { readonly tls?: PeerServerOptions } = {}): Promise<TLSPeerServer> {
    const server = await PeerServer.listen(options, (socket) => TLSPeer.serve(socket, options));
    return { port: server.port, accepted: () => server.accepted() as Promise<TLSPeer>, close: () => server.close() };
  }

  override async close(): Promise<void> {
    await super.close();
    this.raw.destroy();
  }
}

export interface PeerServerOptions extends TLSSocketOptions {
  readonly certificate?: PrivateCertificate;
  /** For createSecureContext(). */
  readonly context?: Parameters<typeof createSecureContext>[0];
}

export interface TLSPeerServer {
  readonly port: number;
  accepted(): Promise<TLSPeer>;
  close(): void;
}

/** A way between two ends that a test can stop, feed, and cut. */
export class Way {
  readonly port: number;
  readonly #server: PeerServer;
  readonly #target: number;

  private constructor(server: PeerServer, target: number) {
    this.#server = server;
    this.#target = target;
    this.port = server.port;
  }

  /** To a port of this machine. */
  static async to(target: number): Promise<Way> {
    return new Way(await PeerServer.listen({ reading: false }), target);
  }

  /** The next connection. `pass`: what goes on of what came, towards the target and back. */
  async next(pass: (data: Buffer, onward: boolean) => Buffer = (data) => data): Promise<{ near: Peer; far: Peer }> {
    const near = await this.#server.accepted();
    const far = await Peer.connect(this.#target, { reading: false });
    near.socket.on("data", (data: Buffer) => far.write(pass(data, true)));
    far.socket.on("data", (data: Buffer) => near.write(pass(data, false)));
    near.socket.on("end", () => far.end());
    far.socket.on("end", () => near.end());
    return { near, far };
  }
}
