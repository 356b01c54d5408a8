/** The TLS of an engine written in TypeScript: each of its connections has a filter of its own. */
import type {
  EngineTls,
  NativeTls,
  NativeTlsFilter,
  TlsAgreed,
  TlsFailure,
  TlsHandle,
  TlsProvider,
  TlsRequest,
} from "../../native.ts";

/** What makes contexts, and filters of them. */
export interface FilterProvider extends TlsProvider, Pick<NativeTls, "createFilter"> {}

/** The part of its engine that TLS uses. */
export interface FilteredEngine {
  filter(handle: number): NativeTlsFilter | undefined;
  setFilter(handle: number, make: () => NativeTlsFilter): boolean;
  setFilterMaker(listener: number, make: () => NativeTlsFilter): boolean;
  unread(handle: number, wire: Uint8Array): void;
  resumeFilter(handle: number): void;
}

export class FilterTls implements EngineTls {
  readonly provider: FilterProvider;
  readonly #engine: FilteredEngine;

  constructor(engine: FilteredEngine, provider: FilterProvider) {
    this.#engine = engine;
    this.provider = provider;
  }

  begin(handle: number, request: TlsRequest): boolean {
    return this.#engine.setFilter(handle, () => this.provider.createFilter(request));
  }

  listen(handle: number, context: TlsHandle): boolean {
    return this.#engine.setFilterMaker(handle, () => this.provider.createFilter({ context }));
  }

  unread(handle: number, wire: Uint8Array): void {
    this.#engine.unread(handle, wire);
  }

  resume(handle: number): void {
    this.#engine.resumeFilter(handle);
  }

  agreed(handle: number): TlsAgreed | undefined {
    return this.#engine.filter(handle)?.agreed();
  }

  peerCertificates(handle: number): Buffer[] | undefined {
    return this.#engine.filter(handle)?.peerCertificates();
  }

  hostCertificate(handle: number): Buffer | undefined {
    return this.#engine.filter(handle)?.hostCertificate();
  }

  failure(handle: number): TlsFailure | undefined {
    return this.#engine.filter(handle)?.failure();
  }

  hello(handle: number): { readonly serverName: string; readonly protocols: Buffer } | undefined {
    return this.#engine.filter(handle)?.hello();
  }

  answer(handle: number, context: TlsHandle | undefined, protocol: string): void {
    this.#engine.filter(handle)?.answer(context, protocol);
  }

  refuse(handle: number, alert: number): void {
    this.#engine.filter(handle)?.refuse(alert);
  }

  sessions(handle: number): Buffer[] | undefined {
    return this.#engine.filter(handle)?.sessions();
  }

  keyLog(handle: number): string | undefined {
    return this.#engine.filter(handle)?.keyLog();
  }

  exportKeys(handle: number, length: number, label: string, context: Uint8Array | undefined): Buffer | undefined {
    return this.#engine.filter(handle)?.exportKeys(length, label, context);
  }
}
