/** TLS of the connections of one engine over node:net: the questions and calls of native/addon/tls_surface.h. */
import { Completion, type EngineTls, type TlsHandle, type TlsQuestions, type TlsRequest } from "../../native.ts";
import { nodeTlsProvider } from "./tlscontext.ts";
import { provideTls, type TlsEngine } from "./tlsmaker.ts";
import { TlsStream } from "./tlsstream.ts";

type Answers = TlsQuestions<[handle: number]>;

class NodeTls implements EngineTls {
  readonly provider = nodeTlsProvider;
  private readonly engine: TlsEngine;

  constructor(engine: TlsEngine) {
    this.engine = engine;
  }

  begin(handle: number, request: TlsRequest): boolean {
    const connection = this.engine.connection(handle);
    if (connection === undefined || !connection.secure(request)) return false;
    // Bytes of which the program is still to be told came before it.
    this.engine.push(Completion.FILTER, handle, 0, 0);
    return true;
  }

  listen(handle: number, context: TlsHandle): boolean {
    const listener = this.engine.listener(handle);
    if (listener === undefined) return false;
    listener.security = { context };
    return true;
  }

  unread(handle: number, wire: Uint8Array): void {
    this.of(handle)?.receive(Buffer.from(wire));
  }

  resume(handle: number): void {
    this.of(handle)?.resume();
  }

  agreed(handle: number): ReturnType<Answers["agreed"]> {
    return this.of(handle)?.agreed();
  }

  peerCertificates(handle: number): Buffer[] | undefined {
    return this.of(handle)?.peerCertificates();
  }

  hostCertificate(handle: number): Buffer | undefined {
    return this.of(handle)?.hostCertificate();
  }

  failure(handle: number): ReturnType<Answers["failure"]> {
    return this.of(handle)?.told();
  }

  hello(handle: number): ReturnType<Answers["hello"]> {
    return this.of(handle)?.asked;
  }

  answer(handle: number, context: TlsHandle | undefined, protocol: string): void {
    this.of(handle)?.answer(context, protocol);
  }

  refuse(handle: number, alert: number): void {
    this.of(handle)?.refuse(alert);
  }

  sessions(handle: number): Buffer[] | undefined {
    return this.of(handle)?.sessions();
  }

  keyLog(handle: number): string | undefined {
    return this.of(handle)?.keyLog();
  }

  exportKeys(handle: number, length: number, label: string, context: Uint8Array | undefined): Buffer | undefined {
    return this.of(handle)?.exportKeys(length, label, context);
  }

  private of(handle: number): TlsStream | undefined {
    return this.engine.connection(handle)?.tls;
  }
}

provideTls({
  ofEngine: (engine) => new NodeTls(engine),
  ofConnection: (owner, request) => new TlsStream(owner, request),
});
