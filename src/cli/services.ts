/** What `skein serve` can serve. */
import type { Deferred } from "../internet/defer.ts";
import type { ReactorTime, ServerFactoryLike } from "../internet/interfaces.ts";
import { Factory, type Protocol } from "../internet/protocol.ts";
import { ChatFactory } from "../protocols/chat.ts";
import { Discard, Echo, Time } from "../protocols/wire.ts";

export interface Service {
  readonly factory: ServerFactoryLike;
  /** Called once no new connections are accepted; waited for before the others are closed. */
  shutdown?(): Deferred<void>;
}

export interface ServiceKind {
  /** What it does, in a line. */
  readonly summary: string;
  make(reactor: ReactorTime): Service;
}

export const SERVICES: ReadonlyMap<string, ServiceKind> = new Map<string, ServiceKind>([
  [
    "chat",
    {
      summary: "a chat room for nc and telnet",
      make: (reactor) => {
        const factory = new ChatFactory(reactor);
        return { factory, shutdown: () => factory.shutdown() };
      },
    },
  ],
  ["discard", { summary: "throws away what it receives (RFC 863)", make: () => serving(Discard) }],
  ["echo", { summary: "sends back what it receives (RFC 862)", make: () => serving(Echo) }],
  ["time", { summary: "sends the time as 32 bits and closes (RFC 868)", make: () => serving(Time) }],
]);

function serving(protocol: new () => Protocol): Service {
  return { factory: Factory.forProtocol(protocol) };
}
