/** The services of `skein serve`. */
import type { Deferred } from "../internet/defer/deferred.ts";
import type { Reactor, ServerFactoryLike } from "../internet/interfaces.ts";
import { Factory, type Protocol } from "../internet/protocol.ts";
import { msg } from "../logger/log.ts";
import { ChatFactory } from "../protocols/chat.ts";
import { ProxyFactory } from "../protocols/portforward.ts";
import { SOCKSv4Factory } from "../protocols/socks.ts";
import { Chargen, Daytime, Discard, Echo, QOTD, Time } from "../protocols/wire.ts";
import { UsageError } from "./usage.ts";

export interface Service {
  readonly factory: ServerFactoryLike;
  /** Called once the ports are closed. Its Deferred is waited for before the connections are closed. */
  shutdown?(): Deferred<void>;
}

export interface ServiceKind {
  /** One line for the help text. */
  readonly summary: string;
  /** True when it needs --to. */
  readonly connects?: boolean;
  /** `to` is the value of --to, for a service that connects. @throws UsageError when it is invalid */
  make(reactor: Reactor, to: string): Service;
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
  ["chargen", { summary: "sends characters endlessly (RFC 864)", make: () => serving(Chargen) }],
  ["daytime", { summary: "sends the time as text and closes (RFC 867)", make: () => serving(Daytime) }],
  ["discard", { summary: "discards what it receives (RFC 863)", make: () => serving(Discard) }],
  ["echo", { summary: "sends back what it receives (RFC 862)", make: () => serving(Echo) }],
  [
    "portforward",
    {
      summary: "forwards each connection to another host (--to)",
      connects: true,
      make: (reactor, to) => ({ factory: new ProxyFactory(...hostAndPort(to), { reactor }) }),
    },
  ],
  ["qotd", { summary: "sends the quote of the day and closes (RFC 865)", make: () => serving(QOTD) }],
  [
    "socks",
    {
      summary: "a SOCKS 4 and 4a proxy, without authentication: listen on a trusted interface only",
      make: (reactor) => ({ factory: new SOCKSv4Factory(reactor, msg) }),
    },
  ],
  ["time", { summary: "sends the time as 32 bits and closes (RFC 868)", make: () => serving(Time) }],
]);

/** Parses `host:port`. A literal IPv6 host may be in brackets. */
function hostAndPort(text: string): [host: string, port: number] {
  const [, bracketed, plain, port = ""] = /^(?:\[(.+)\]|([^[\]:]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new UsageError(
      `"${text}" is not a host and a port to connect to`,
      "Try: --to localhost:80, or --to [::1]:80",
    );
  }
  return [host, Number(port)];
}

function serving(protocol: new () => Protocol): Service {
  return { factory: Factory.forProtocol(protocol) };
}
