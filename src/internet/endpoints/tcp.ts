/** Endpoints for TCP, over IPv4 and IPv6: `tcp:` and `tcp6:`. */
import { check } from "../arguments/check.ts";
import { port as portKind } from "../arguments/kinds.ts";
import { ensureConnectOptions, ensureHost, ensureListenOptions, ensureReactor } from "../arguments/reactors.ts";
import type { Deferred } from "../defer/deferred.ts";
import { fail, succeed } from "../defer/makers.ts";
import type {
  ConnectTCPOptions,
  ListeningPort,
  ListenTCPOptions,
  ProtocolLike,
  ReactorTCP,
  ServerFactoryLike,
} from "../interfaces.ts";
import type { ProtocolFactory } from "../protocol.ts";
import { attempt } from "./attempt.ts";
import type { ClientEndpoint, ServerEndpoint } from "./interfaces.ts";
import type { ClientEndpointParser, ServerEndpointParser } from "./parser.ts";

const MAX_PORT = 65_535;
const MAX_BACKLOG = 65_535;

class TCPServerEndpoint implements ServerEndpoint {
  readonly #reactor: ReactorTCP;
  readonly #port: number;
  readonly #options: ListenTCPOptions;

  /** @throws TypeError | RangeError for what listenTCP() would refuse */
  constructor(reactor: ReactorTCP, port: number, options: ListenTCPOptions, byDefault: ListenTCPOptions = {}) {
    const call = `new ${new.target.name}(reactor, port, options)`;
    ensureReactor(call, reactor, "listenTCP");
    check(call, "port", port, portKind);
    this.#reactor = reactor;
    this.#port = port;
    this.#options = { ...byDefault, ...ensureListenOptions(call, options) };
  }

  listen(factory: ServerFactoryLike): Deferred<ListeningPort> {
    try {
      return succeed(this.#reactor.listenTCP(this.#port, factory, this.#options));
    } catch (error) {
      return fail(error);
    }
  }
}

/** Listens on IPv4, on every interface unless one is given. */
export class TCP4ServerEndpoint extends TCPServerEndpoint {
  constructor(reactor: ReactorTCP, port: number, options: ListenTCPOptions = {}) {
    super(reactor, port, options);
  }
}

/** Listens on IPv6, on every interface unless one is given; where the system maps IPv4 addresses, on those as well. */
export class TCP6ServerEndpoint extends TCPServerEndpoint {
  constructor(reactor: ReactorTCP, port: number, options: ListenTCPOptions = {}) {
    super(reactor, port, options, { interface: "::" });
  }
}

class TCPClientEndpoint implements ClientEndpoint {
  readonly #reactor: ReactorTCP;
  readonly #host: string;
  readonly #port: number;
  readonly #options: ConnectTCPOptions;

  /** @throws TypeError | RangeError for what connectTCP() would refuse */
  constructor(reactor: ReactorTCP, host: string, port: number, options: ConnectTCPOptions = {}) {
    const call = `new ${new.target.name}(reactor, host, port, options)`;
    ensureReactor(call, reactor, "connectTCP");
    ensureHost(call, host, port);
    this.#reactor = reactor;
    this.#host = host;
    this.#port = port;
    this.#options = ensureConnectOptions(call, options);
  }

  connect<P extends ProtocolLike>(factory: ProtocolFactory<P>): Deferred<P> {
    return attempt(factory, (client) => this.#reactor.connectTCP(this.#host, this.#port, client, this.#options));
  }
}

/** Connects to an IPv4 address, or to the one a name stands for. */
export class TCP4ClientEndpoint extends TCPClientEndpoint {}

/** Connects to an IPv6 address. */
export class TCP6ClientEndpoint extends TCPClientEndpoint {}

/** `tcp:8080` */
export const tcpServerParser: ServerEndpointParser = serverParser("tcp", TCP4ServerEndpoint, "", "127.0.0.1");

/** `tcp6:8080` */
export const tcp6ServerParser: ServerEndpointParser = serverParser("tcp6", TCP6ServerEndpoint, "::", "::1");

/** @param everyInterface the default of `interface`; `loopback` is the default that {@link ServerDefaults} may ask for */
function serverParser(
  prefix: string,
  Endpoint: typeof TCP4ServerEndpoint,
  everyInterface: string,
  loopback: string,
): ServerEndpointParser {
  return {
    prefix,
    form: `${prefix}:port[:interface=address][:backlog=number]`,
    parameters: ["port", "interface", "backlog"],
    parse: (reactor, args, defaults) => {
      const byDefault = defaults.loopback ? loopback : everyInterface;
      return new Endpoint(reactor, args.integer("port", 0, MAX_PORT), {
        // An empty one, as of a variable that is not set, is none.
        interface: args.text("interface", byDefault) || byDefault,
        backlog: args.integer("backlog", 1, MAX_BACKLOG, defaults.backlog ?? 50),
      });
    },
  };
}

/** `tcp:example.com:80` */
export const tcpClientParser: ClientEndpointParser = {
  prefix: "tcp",
  form: "tcp:host:port[:timeout=seconds][:bindAddress=address]",
  parameters: ["host", "port", "timeout", "bindAddress"],
  parse: (reactor, args) => {
    const bindHost = args.text("bindAddress", "");
    return new TCP4ClientEndpoint(reactor, args.text("host"), args.integer("port", 0, MAX_PORT), {
      timeout: args.seconds("timeout", 30),
      ...(bindHost === "" ? {} : { bindAddress: [bindHost, 0] as const }),
    });
  },
};
