/** Node's own modules and libraries over the reactor's connections. */
import { once } from "node:events";
import { connectDuplex, type DuplexOptions, duplexFactory, type SocketDuplex } from "../../src/entries/streams.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";

/** Give each connection to a free port of 127.0.0.1 to `connected`; returns the port. */
export function serveDuplex(
  reactor: EngineReactor,
  connected: (duplex: SocketDuplex) => void,
  options?: DuplexOptions,
): number {
  return reactor.listenTCP(0, duplexFactory(connected, options), { interface: "127.0.0.1" }).getHost().port;
}

export function dialDuplex(reactor: EngineReactor, port: number, options?: DuplexOptions): SocketDuplex {
  return connectDuplex(new TCP4ClientEndpoint(reactor, "127.0.0.1", port), options);
}

/** Wait until a stream is closed. */
export async function closed(stream: { readonly closed: boolean } & NodeJS.EventEmitter): Promise<void> {
  if (!stream.closed) await once(stream, "close");
}
