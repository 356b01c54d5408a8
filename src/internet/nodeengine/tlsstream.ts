/**
 * TLS of one connection, by a TLSSocket that has no socket: the counterpart of native/tls/filter.h.
 *
 *     raw socket ─▶ receive() ─▶ Wire ─▶ TLSSocket ─▶ opened()            wire in, plain out
 *     raw socket ◀─  carry()  ◀─ Wire ◀─ TLSSocket ◀─ write()             plain in, wire out
 *
 *     server   hello ─ a whole one, or what is none ─▶ handshake      hello ─▶ asking ─ answer(), resume() ─▶ handshake
 *     client   start ─ begin() ──────────────────────▶ handshake
 *              handshake ─▶ up                                            anything ─▶ over
 *
 * The bytes pass through here because node:tls over a socket of its own tells neither what a client asks for before it has
 * answered, nor a FIN from close_notify. The TLSSocket flows always: who reads no plain bytes gives it no wire bytes.
 */
import type { TLSSocket } from "node:tls";
import { type TlsAgreed, TlsEvent, type TlsFailure, TlsFault, type TlsHandle, type TlsRequest } from "../../native.ts";
import { contextOf, type NodeContext } from "./tlscontext.ts";
import { alertSentFor, failedWith, noFailure } from "./tlsfailure.ts";
import { ClientHello } from "./tlshello.ts";
import { agreedBy, chainOf, judgeOf, shownBy } from "./tlspeer.ts";
import { fatalAlert, OpenRecords } from "./tlsrecords.ts";
import { toClient, toServer } from "./tlssocket.ts";
import { makeWire, type Wire } from "./tlswire.ts";

const BEGINNING_BYTES = 16;
/** Bun answers the peer's close_notify with its own, and seals nothing behind it. */
const HALF_CLOSES = process.versions.bun === undefined;
/** While the program is asked, so many are kept: a peer has nothing to say that takes more. */
const STASH_BYTES_MAX = 64 * 1024;
/** Of what TLS says itself. While more of it is unsent, nothing is received: a peer that reads nothing could fill the memory. */
const OWN_BYTES_MAX = 16 * 1024;

/** The connection that has it. */
export interface TlsOwner {
  /** Send wire bytes. */
  carry(bytes: Uint8Array, done: () => void): void;
  /** Plain bytes have come. */
  opened(bytes: Buffer): void;
  told(events: number): void; // of `TlsEvent`
  /** The peer's close_notify has come. */
  closeNotified(): void;
  /** {@link TlsStream.failure} says why. */
  failedSecurity(): void;
  /** {@link TlsStream.wantsWire} may have changed. */
  watch(): void;
  readonly errno: number; // why the socket has failed: what TLS makes of that is not the reason
}
type State = "start" | "hello" | "asking" | "handshake" | "up" | "over";

export class TlsStream {
  readonly failure = noFailure();
  closing = false; // the program has closed: once the handshake is done, the peer may end as it likes
  private readonly owner: TlsOwner;
  private readonly request: TlsRequest;
  private context: NodeContext;
  private state: State;
  private hello: ClientHello | undefined;
  /** What came behind the hello while the program was asked, or the TLSSocket was not started. */
  private stash: Buffer[] = [];
  private starting = false;
  private stashed = 0;
  private answered = false;
  private refusal = -1;
  private protocol = "";
  private name: string;
  private stream: TLSSocket | undefined;
  private readonly wire: Wire;
  private readonly incoming = new OpenRecords();
  private readonly outgoing = new OpenRecords();
  private early: Buffer[] = []; // plain bytes that node:tls gave out before it said that the handshake is done
  private writing = 0;
  private own = 0;
  private sealed = 0;
  private ended = false;
  private ocsp: Buffer | undefined;
  private offered: Buffer[] = [];
  private log = "";

  constructor(owner: TlsOwner, request: TlsRequest) {
    this.owner = owner;
    this.request = request;
    this.context = contextOf(request.context);
    this.state = this.isServer ? "hello" : "start";
    this.name = this.isServer ? "" : (request.name ?? "");
    this.wire = makeWire((bytes, done) => this.seal(bytes, done));
  }

  // --- for the connection --------------------------------------------------------------------------------------------

  get isServer(): boolean {
    return this.context.request.server;
  }

  get established(): boolean {
    return this.state === "up";
  }

  get failed(): boolean {
    return this.failure.fault !== TlsFault.NONE;
  }

  /** Whether it goes on receiving although the program does not read. */
  get wantsWire(): boolean {
    if (this.state === "up" || this.state === "over") return false;
    return this.state !== "asking" || this.stashed < STASH_BYTES_MAX;
  }

  /** Whether it cannot receive now, although the program reads. */
  get isFull(): boolean {
    return this.own > OWN_BYTES_MAX;
  }
  get unsent(): number {
    return this.stream?.writableLength ?? 0;
  }

  /** The socket is connected: a client begins. */
  begin(): void {
    if (this.state === "start") this.shakeHands();
  }

  receive(bytes: Buffer): void {
    switch (this.state) {
      case "hello":
        this.readHello(bytes);
        break;
      case "asking":
        this.stash.push(bytes);
        this.stashed += bytes.length;
        if (!this.wantsWire) this.owner.watch();
        break;
      case "handshake":
      case "up":
        if (this.starting) this.stash.push(bytes);
        else this.open(bytes);
        break;
    }
  }

  /** The peer's FIN has come: an end as good as another only behind close_notify, of which node:tls tells a tick later. */
  wireEnded(): void {
    setImmediate(() => {
      if (this.ended || this.state === "over" || this.owner.errno !== 0) return;
      if (this.closing && this.state === "up") return;
      if (this.wire.readableLength > 0) this.wireEnded();
      else this.fail(() => this.cutOff());
    });
  }

  write(pieces: readonly Uint8Array[], sent: () => void): void {
    if (this.ended && !HALF_CLOSES) {
      this.fail((failure) =>
        failedWith(failure, new Error("this runtime's TLS ends both ways when the peer ends one")),
      );
      return;
    }
    const stream = this.stream!;
    const last = pieces.length - 1;
    this.writing++;
    stream.cork();
    for (let i = 0; i < last; i++) stream.write(pieces[i]!);
    stream.write(pieces[last]!, (error) => {
      this.writing--;
      if (!error) sent();
    });
    stream.uncork();
  }

  /** Say close_notify, behind all that was written. `done` is called once it was given to the owner. */
  end(done: () => void): void {
    const before = this.sealed; // Deno says that it is finished before it has written close_notify
    if (this.state !== "up" || (this.ended && !HALF_CLOSES)) done();
    else this.stream!.end(() => (this.sealed > before ? done() : setImmediate(done)));
  }

  destroy(): void {
    this.state = "over";
    this.stash = [];
    this.hello = undefined;
    this.stream?.destroy();
    this.wire.destroy();
  }

  // --- what the program asks -----------------------------------------------------------------------------------------

  get asked(): { readonly serverName: string; readonly protocols: Buffer } | undefined {
    if (this.state !== "asking" || this.hello === undefined) return undefined;
    return { serverName: this.hello.serverName, protocols: this.hello.protocols };
  }

  answer(context: TlsHandle | undefined, protocol: string): void {
    if (this.state !== "asking" || this.answered) return;
    this.answered = true;
    if (context !== undefined) this.context = contextOf(context);
    this.protocol = protocol;
  }

  refuse(alert: number): void {
    if (this.state !== "asking" || this.answered) return;
    this.answered = true;
    this.refusal = alert;
  }

  resume(): void {
    if (this.state !== "asking" || !this.answered) return;
    if (this.refusal < 0) this.shakeHands();
    else this.refuseWith(this.refusal, TlsFault.REFUSED);
  }

  agreed(): TlsAgreed | undefined {
    if (this.state !== "up") return undefined;
    return agreedBy(this.stream!, this.isServer ? this.outgoing : this.incoming, this.name, this.ocsp);
  }

  peerCertificates(): Buffer[] {
    return this.stream === undefined ? [] : chainOf(this.stream);
  }

  hostCertificate(): Buffer | undefined {
    return this.state === "up" ? shownBy(this.stream!) : undefined;
  }

  sessions(): Buffer[] {
    return this.offered.splice(0);
  }

  keyLog(): string {
    const lines = this.log;
    this.log = "";
    return lines;
  }

  exportKeys(length: number, label: string, context: Uint8Array | undefined): Buffer | undefined {
    if (this.state !== "up") return undefined;
    try {
      return this.stream!.exportKeyingMaterial(length, label, context as Buffer);
    } catch {
      return undefined; // Deno has no such method
    }
  }

  told(): TlsFailure {
    this.failure.serverName = this.name;
    return this.failure;
  }

  // --- the handshake -------------------------------------------------------------------------------------------------

  private readHello(bytes: Buffer): void {
    this.hello ??= new ClientHello();
    const { hello } = this;
    hello.feed(bytes);
    if (hello.state === "partial") return;
    this.name = hello.serverName;
    if (hello.state === "other") {
      // OpenSSL would find one behind an empty record: the rules of its name would not hold for it, and nobody be asked.
      this.failure.beginning = Buffer.from(hello.wire.subarray(0, BEGINNING_BYTES));
      this.refuseWith(hello.alert, TlsFault.PROTOCOL);
    } else if (this.context.asks) {
      this.state = "asking";
      this.owner.told(TlsEvent.ASKS);
    } else {
      this.context = this.context.named(hello.serverName) ?? this.context;
      this.shakeHands();
    }
  }

  private shakeHands(): void {
    this.state = "handshake";
    const { hello } = this;
    this.hello = undefined;
    this.stashed = 0;
    try {
      const { wire, context } = this;
      this.stream =
        hello === undefined ? toServer(wire, context, this.request) : toClient(wire, context, hello, this.protocol);
    } catch (error) {
      this.fail((failure) => failedWith(failure, error as Error));
      return;
    }
    this.listenTo(this.stream);
    this.owner.watch();
    if (hello !== undefined) this.stash.unshift(hello.wire);
    // A TLSSocket begins a tick later. Deno's, if it finds a hello then that it refuses, throws where nobody can catch.
    this.starting = true;
    process.nextTick(() => {
      this.starting = false;
      for (const bytes of this.stash.splice(0)) this.open(bytes);
    });
  }

  private listenTo(stream: TLSSocket): void {
    stream.on(this.isServer ? "secure" : "secureConnect", () => this.proved());
    stream.on("data", (bytes: Buffer) => {
      if (this.state === "up") this.owner.opened(bytes);
      else if (this.state === "handshake") this.early.push(bytes);
    });
    stream.on("end", () => {
      if (this.state !== "up" || this.ended) return;
      this.ended = true;
      this.owner.closeNotified();
    });
    stream.on("error", (error) => this.fail((failure) => failedWith(failure, error)));
    // Behind the handshake of a server, node:tls tells of errors by this alone: it waits for a tls.Server to take over.
    stream.on("_tlsError", (error: Error) => this.fail((failure) => failedWith(failure, error)));
    stream.on("close", () => {
      if (!this.ended && !this.closing) this.fail(() => this.cutOff());
    });
    if (!this.isServer) {
      stream.on("session", (session: Buffer) => {
        this.offered.push(session);
        if (this.state === "up") this.owner.told(TlsEvent.SESSION);
      });
      stream.on("OCSPResponse", (response: Buffer | null) => {
        this.ocsp = response ?? undefined;
      });
    }
    if (this.context.request.logsKeys) {
      stream.on("keylog", (line: Buffer) => {
        this.log += line.toString("latin1");
        this.owner.told(TlsEvent.KEY_LOG);
      });
    }
  }

  /** The handshake is done as far as node:tls goes; whom we talk to is judged here. */
  private proved(): void {
    if (this.state !== "handshake") return;
    const stream = this.stream!;
    const judge = judgeOf(stream, this.context.request, this.name);
    if (judge !== undefined) {
      this.fail(judge);
      return;
    }
    this.state = "up";
    this.owner.told(TlsEvent.ESTABLISHED | (this.offered.length > 0 ? TlsEvent.SESSION : 0));
    for (const bytes of this.early.splice(0)) this.owner.opened(bytes);
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  private open(bytes: Buffer): void {
    if (this.ended || this.state === "over") return;
    this.incoming.feed(bytes);
    if (!this.isServer && this.state === "handshake" && this.failure.beginning.length < BEGINNING_BYTES) {
      this.failure.beginning = Buffer.concat([this.failure.beginning, bytes]).subarray(0, BEGINNING_BYTES);
    }
    this.wire.push(bytes);
  }

  private seal(bytes: Buffer, done: () => void): void {
    this.outgoing.feed(bytes);
    this.sealed += bytes.length;
    const own = this.writing === 0 ? bytes.length : 0;
    this.own += own;
    if (own > 0 && this.isFull) this.owner.watch();
    this.owner.carry(bytes, () => {
      const wasFull = this.isFull;
      this.own -= own;
      if (wasFull && !this.isFull) this.owner.watch();
      done();
    });
  }

  /** Nothing is sealed yet. */
  private refuseWith(alert: number, fault: number): void {
    this.owner.carry(fatalAlert(alert), () => undefined);
    this.fail((failure) => {
      failure.fault = fault;
      failure.alertSent = alert;
    });
  }

  private cutOff(): void {
    this.failure.fault = this.state === "up" ? TlsFault.TRUNCATED : TlsFault.CUT;
  }

  private fail(how: (failure: TlsStream["failure"]) => void): void {
    if (this.state === "over" || this.failed) return;
    how(this.failure);
    if (this.failure.alertSent < 0) this.failure.alertSent = alertSentFor(this.failure, this.outgoing.alert);
    this.state = "over";
    this.owner.failedSecurity();
  }
}
