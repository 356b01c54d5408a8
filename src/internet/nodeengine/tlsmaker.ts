/**
 * Where the engine over node:net gets its TLS from. It is part of what `import "skein"` loads; TLS over node:tls is large, is
 * loaded with the options of TLS, and is given to the engine here.
 */
import type { EngineTls, TlsRequest } from "../../native.ts";
import type { TlsOwner, TlsStream } from "./tlsstream.ts";

/** The part of an engine that its TLS uses. */
export interface TlsEngine {
  connection(handle: number): { readonly tls: TlsStream | undefined; secure(request: TlsRequest): boolean } | undefined;
  listener(handle: number): { security: TlsRequest | undefined } | undefined;
  push(kind: number, handle: number, a: number, b: number): void;
}

export interface TlsMaker {
  /** TLS of the connections of an engine. */
  ofEngine(engine: TlsEngine): EngineTls;
  /** TLS of one connection. */
  ofConnection(owner: TlsOwner, request: TlsRequest): TlsStream;
}

let made: TlsMaker | undefined;

export function provideTls(maker: TlsMaker): void {
  made = maker;
}

/** Undefined while nobody has loaded the options of TLS: nobody asks for TLS then. */
export function tlsMaker(): TlsMaker | undefined {
  return made;
}
