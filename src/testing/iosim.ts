/**
 * Connects two protocols in memory with a pump that the test operates.
 *
 *     client protocol ──write──► FakeTransport ══ pump() ══► FakeTransport ──dataReceived──► server protocol
 *                                     ◄═══════════ pump() ═══════════
 *
 * Bytes move only in pump(), so that a test sees every step. startTLS() is simulated, including failed handshakes.
 */

import { address } from "../internet/arguments/addresses.ts";
import { check, checkOptional, checkOptions } from "../internet/arguments/check.ts";
import { array, callable, flag, instance, type Kind } from "../internet/arguments/kinds.ts";
import { ensureProtocol } from "../internet/arguments/transports.ts";
import { ConnectionAborted, ConnectionDone, ConnectionLost } from "../internet/error.ts";
import type { Address, ProtocolLike, PullProducer, PushProducer } from "../internet/interfaces.ts";
import { CLOSE_DUE, HELD_BACK } from "../internet/stream/closing.ts";
import { ACCEPTED, HIGH_WATER, QUEUED } from "../internet/stream/sendqueue.ts";
import { type ContextFactory, START_KINDS, type StartTLSOptions } from "../internet/tls/seam.ts";
import { type AgreedTLS, MemoryTLS } from "./agreedtls.ts";
import { deliver } from "./delivery.ts";
import { CLOSED, CONTEXT, END, type FakeContext, Hello, ITEM, type Item } from "./fakewire.ts";
import { CLIENT_ADDRESS, MemoryTransport, SERVER_ADDRESS } from "./memorytransport.ts";

const PLAIN = "plain bytes came instead of a handshake";

/** One end of a connection in memory; an IOPump moves its output to the other end. It ends by the rules of closing.ts. */
export class FakeTransport extends MemoryTransport {
  readonly isServer: boolean;
  /** The reason of the loss, when the connection was not closed cleanly. */
  disconnectReason: Error | null = null;
  /** The argument of startTLS(), once that was called. */
  tls: FakeContext | null = null;
  /** Whether this side is the server of TLS, once startTLS() was called. */
  isTLSServer: boolean | null = null;
  /** The other side's context, once the handshake is complete. */
  peerContext: FakeContext | null = null;
  /** What getTLSInfo(), getPeerCertificate() and the others answer with once the handshake is complete: for the test to set. */
  agreed: AgreedTLS = {};
  /** Output that the next pump moves to the other side. */
  readonly stream: Item[] = [];
  /** Called whenever there may be something to pump. */
  onActivity: (() => void) | null = null;
  /** Output since startTLS(), held until the handshake is complete. */
  private readonly sealed: Item[] = [];
  /** Bytes in `stream` and `sealed`. */
  private written = 0;
  private readonly arrived: Item[] = [];
  /** The number of items of `arrived` that were delivered. */
  private taken = 0;
  private paused = false;

  /** @throws TypeError for a wrong argument */
  constructor(protocol: ProtocolLike, isServer: boolean, hostAddress?: Address, peerAddress?: Address) {
    const call = "new FakeTransport(protocol, isServer, hostAddress, peerAddress)";
    ensureProtocol(call, protocol);
    check(call, "isServer", isServer, flag);
    checkOptional(call, "hostAddress", hostAddress, address);
    checkOptional(call, "peerAddress", peerAddress, address);
    const [host, peer] = isServer ? [SERVER_ADDRESS, CLIENT_ADDRESS] : [CLIENT_ADDRESS, SERVER_ADDRESS];
    super(hostAddress ?? host, peerAddress ?? peer);
    this.receiver = protocol;
    this.isServer = isServer;
  }

  // --- for the pump --------------------------------------------------------------------------------------------------

  /** Bytes that were written and not pumped yet. */
  get pending(): number {
    return this.written;
  }

  /** Take the output since the last call. */
  takeOutput(): Item[] {
    const items = this.stream.splice(0);
    for (const item of items) this.written -= sizeOf(item);
    if (items.length > 0) this.drained();
    return items;
  }

  /** Output of the other side arrives. @throws TypeError for what is not such output */
  arrive(items: readonly Item[]): void {
    check("arrive(items)", "items", items, array);
    for (const item of items) check("arrive(items)", "items", item, ITEM);
    for (const item of items) this.arrived.push(item);
    this.deliverArrived();
  }

  /** Ask a pull producer for more, and close when everything was sent. Returns whether that had an effect. */
  settle(): boolean {
    if (this.disconnected) return false;
    if (this.disconnectReason !== null) {
      this.lose(this.disconnectReason);
      return true;
    }
    const asked = this.registered;
    if (asked !== undefined && !this.streaming && this.stream.length === 0) {
      this.drained();
      return this.stream.length > 0 || this.registered !== asked;
    }
    if ((this.flags & CLOSE_DUE) === 0 || this.pending > 0) return false;
    this.lose(new ConnectionDone());
    return true;
  }

  protected override forget(): void {
    this.dropOutput();
    this.arrived.length = 0;
    this.taken = 0;
  }

  /** The other side has closed: this side is lost after it has received the output before that. */
  peerClosed(): void {
    this.arrive([CLOSED]);
  }

  /** The number of items that arrived and were not delivered. */
  private get waiting(): number {
    return this.arrived.length - this.taken;
  }

  /** Reading is paused, by the protocol or by receivers that wait until the output was pumped. */
  private get silent(): boolean {
    return this.paused || (this.flags & HELD_BACK) !== 0;
  }

  private deliverArrived(): void {
    while (this.protocol !== null && this.waiting > 0) {
      const item = this.arrived[this.taken] as Item;
      // A handshake proceeds even while reading is paused.
      if (this.silent && !this.disconnecting && !(item instanceof Hello)) return;
      this.taken++;
      if (this.taken === this.arrived.length) {
        this.arrived.length = 0;
        this.taken = 0;
      }
      if (item === CLOSED) this.lose(new ConnectionDone());
      else if (item instanceof Hello) this.shakeHands(item);
      else if (!this.disconnecting) this.receive(this.protocol, item);
    }
  }

  private receive(protocol: ProtocolLike, item: Buffer | typeof END): void {
    if (item === END) this.peerEnded();
    else if (this.tls !== null && this.peerContext === null) this.refuse(PLAIN);
    else deliver(protocol, item);
  }

  private shakeHands({ context, server }: Hello): void {
    if (this.tls === null) {
      this.refuse("a handshake came instead of plain bytes");
      return;
    }
    if (server === this.isTLSServer) {
      this.refuse(`both sides are the ${server ? "server" : "client"} of TLS`);
      return;
    }
    if (this.tls.iosimVerify?.(context) === false) {
      this.refuse("the certificate was refused");
      return;
    }
    const tls = new MemoryTLS("agreed", this.agreed);
    this.peerContext = context;
    for (const item of this.sealed.splice(0)) this.stream.push(item);
    this.secure(tls);
  }

  private refuse(why: string): void {
    this.disconnectReason = new ConnectionLost(`The TLS handshake failed: ${why}.`);
    this.abortConnection();
  }

  // --- how it closes -------------------------------------------------------------------------------------------------

  protected override stopReading(): void {
    this.onActivity?.();
  }

  protected override sendThenFin(): void {
    this.send(END);
    this.writeEnded();
  }

  /** The pump closes the connection once it has moved everything. */
  protected override sendThenClose(): void {
    this.onActivity?.();
  }

  protected override cut(): void {
    this.disconnectReason ??= new ConnectionAborted();
    this.dropOutput();
    this.onActivity?.();
  }

  // --- for the protocol ----------------------------------------------------------------------------------------------

  /**
   * Simulate startTLS(): exchange contexts with the other side, which must call this too, in the other role. Who is the
   * server of the connection is that of TLS, unless the options say otherwise.
   * @throws TypeError for a wrong argument; Error as on a real transport
   */
  startTLS(context: FakeContext | ContextFactory, options: StartTLSOptions = {}): void {
    const call = "startTLS(context, options)";
    check(call, "context", context, CONTEXT);
    const { server = this.isServer, received } = checkOptions<StartTLSOptions>(call, options, START_KINDS);
    if (!this.canStartTLS(this.tls !== null)) return;
    this.tls = context as FakeContext;
    this.isTLSServer = server;
    this.stream.push(new Hello(this.tls, server));
    if (received !== undefined && received.length > 0) this.refuse(PLAIN);
    this.onActivity?.();
  }

  override registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    super.registerProducer(producer, streaming);
    this.onActivity?.();
  }

  override unregisterProducer(): void {
    super.unregisterProducer();
    this.onActivity?.();
  }

  pauseProducing(): void {
    this.paused = true;
  }
  resumeProducing(): void {
    if (!this.paused) return;
    this.paused = false;
    this.onActivity?.();
  }

  /** @internal */
  override get [ACCEPTED](): boolean {
    return this.isServer;
  }

  /** @internal */
  get [QUEUED](): number {
    return this.pending;
  }

  protected override stillOverMark(): boolean {
    return this.pending > HIGH_WATER;
  }

  protected override readOn(): void {
    this.onActivity?.();
  }

  /** Deliver what arrived while the protocol had paused reading. Returns whether anything was delivered. */
  catchUp(): boolean {
    const { waiting } = this;
    this.deliverArrived();
    return this.waiting < waiting;
  }

  private dropOutput(): void {
    this.stream.length = 0;
    this.sealed.length = 0;
    this.written = 0;
  }

  protected override put(data: Buffer): void {
    this.send(data);
    if (this.pending > HIGH_WATER) this.markExceeded();
  }

  private send(item: Item): void {
    this.written += sizeOf(item);
    if (this.tls !== null && this.peerContext === null) this.sealed.push(item);
    else this.stream.push(item);
    this.onActivity?.();
  }
}

function sizeOf(item: Item): number {
  return item instanceof Uint8Array ? item.length : 0;
}

const FAKE_TRANSPORT: Kind = instance(FakeTransport);

/** Moves bytes between two ends. */
export class IOPump {
  readonly client: ProtocolLike;
  readonly server: ProtocolLike;
  readonly clientIO: FakeTransport;
  readonly serverIO: FakeTransport;

  /** @throws TypeError for what is not a protocol or a FakeTransport */
  constructor(client: ProtocolLike, server: ProtocolLike, clientIO: FakeTransport, serverIO: FakeTransport) {
    const call = "new IOPump(client, server, clientIO, serverIO)";
    ensureProtocol(call, client, "client");
    ensureProtocol(call, server, "server");
    check(call, "clientIO", clientIO, FAKE_TRANSPORT);
    check(call, "serverIO", serverIO, FAKE_TRANSPORT);
    this.client = client;
    this.server = server;
    this.clientIO = clientIO;
    this.serverIO = serverIO;
  }

  /** Move the output of both ends to each other, once. Returns false when there was nothing to do. */
  pump(): boolean {
    const { clientIO, serverIO } = this;
    const toServer = clientIO.takeOutput();
    const toClient = serverIO.takeOutput();
    let moved = toServer.length > 0 || toClient.length > 0;
    if (toServer.length > 0) serverIO.arrive(toServer);
    if (toClient.length > 0) clientIO.arrive(toClient);
    moved = clientIO.catchUp() || moved;
    moved = serverIO.catchUp() || moved;
    moved = this.close(clientIO, serverIO) || moved;
    return this.close(serverIO, clientIO) || moved;
  }

  /**
   * pump() until there is nothing to do.
   * @throws Error when the two protocols never stop
   */
  flush(): boolean {
    const TOO_MANY = 100_000;
    let moved = false;
    for (let i = 0; this.pump(); i++) {
      moved = true;
      if (i === TOO_MANY) throw new Error("The two protocols write to each other without end.");
    }
    return moved;
  }

  /** When one end has closed, the other is lost too, once it has received the output before that. */
  private close(one: FakeTransport, other: FakeTransport): boolean {
    const aborted = one.disconnectReason !== null;
    if (!one.settle()) return false;
    if (!one.disconnected) return true;
    if (aborted) other.lose(other.disconnectReason ?? new ConnectionLost("The other side reset the connection."));
    else other.peerClosed();
    return true;
  }
}

/** Connect two protocols over the given transports. Calls makeConnection() of both, the server's first. @throws TypeError */
export function connect(
  server: ProtocolLike,
  serverTransport: FakeTransport,
  client: ProtocolLike,
  clientTransport: FakeTransport,
  greet = true,
): IOPump {
  check("connect(server, serverTransport, client, clientTransport, greet)", "greet", greet, flag);
  const pump = new IOPump(client, server, clientTransport, serverTransport);
  server.makeConnection(serverTransport);
  client.makeConnection(clientTransport);
  if (greet) pump.flush();
  return pump;
}

/** Create a client and a server from classes or functions, and connect them. @throws TypeError */
export function connectedServerAndClient<S extends ProtocolLike, C extends ProtocolLike>(
  makeServer: (new () => S) | (() => S),
  makeClient: (new () => C) | (() => C),
  greet = true,
): { readonly client: C; readonly server: S; readonly pump: IOPump } {
  const call = "connectedServerAndClient(makeServer, makeClient, greet)";
  check(call, "makeServer", makeServer, callable);
  check(call, "makeClient", makeClient, callable);
  check(call, "greet", greet, flag);
  const server = make(makeServer);
  const client = make(makeClient);
  const pump = connect(server, new FakeTransport(server, true), client, new FakeTransport(client, false), greet);
  return { client, server, pump };
}

function make<P>(maker: (new () => P) | (() => P)): P {
  const isClass = maker.prototype !== undefined && /^class\b/.test(Function.prototype.toString.call(maker));
  return isClass ? new (maker as new () => P)() : (maker as () => P)();
}
