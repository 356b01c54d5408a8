/**
 * Endpoints say where to listen or to connect, apart from what to do there. They can be made of strings, so that a
 * program's user chooses them. Names and semantics follow twisted.internet.endpoints.
 */
import { ensureDescription } from "../arguments.ts";
import type { Deferred } from "../defer/deferred.ts";
import { fail, succeed } from "../defer/makers.ts";
import type {
  Address,
  ConnectTCPOptions,
  ListeningPort,
  ListenTCPOptions,
  ProtocolLike,
  ReactorTCP,
  ServerFactoryLike,
} from "../interfaces.ts";
import { Factory, type Protocol, type ProtocolFactory } from "../protocol.ts";
import { attempt } from "./attempt.ts";
import {
  EndpointArguments,
  type EndpointForm,
  InvalidEndpointError,
  parseDescription,
  quoteStringArgument,
} from "./description.ts";

export { EndpointArguments, type EndpointForm, InvalidEndpointError, quoteStringArgument };

/** Somewhere to listen. */
export interface ServerEndpoint {
  /** Fires with the port that listens; fails with CannotListenError. */
  listen(factory: ServerFactoryLike): Deferred<ListeningPort>;
}

/** Somewhere to connect to. */
export interface ClientEndpoint {
  /**
   * Fires with the protocol that `factory` built, once its connectionMade() has run; fails with a ConnectError, with
   * NoProtocol, or with what the factory or the protocol threw. Cancelling it stops the attempt and makes it fail with
   * ConnectingCancelledError.
   */
  connect<P extends ProtocolLike>(factory: ProtocolFactory<P>): Deferred<P>;
}

// --- TCP -------------------------------------------------------------------------------------------------------------

class TCPServerEndpoint implements ServerEndpoint {
  readonly #reactor: ReactorTCP;
  readonly #port: number;
  readonly #options: ListenTCPOptions;

  constructor(reactor: ReactorTCP, port: number, options: ListenTCPOptions) {
    this.#reactor = reactor;
    this.#port = port;
    this.#options = options;
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
    super(reactor, port, { interface: "::", ...options });
  }
}

class TCPClientEndpoint implements ClientEndpoint {
  readonly #reactor: ReactorTCP;
  readonly #host: string;
  readonly #port: number;
  readonly #options: ConnectTCPOptions;

  constructor(reactor: ReactorTCP, host: string, port: number, options: ConnectTCPOptions = {}) {
    this.#reactor = reactor;
    this.#host = host;
    this.#port = port;
    this.#options = options;
  }

  connect<P extends ProtocolLike>(factory: ProtocolFactory<P>): Deferred<P> {
    return attempt(factory, (client) => this.#reactor.connectTCP(this.#host, this.#port, client, this.#options));
  }
}

/** Connects to an IPv4 address, or to the one a name stands for. */
export class TCP4ClientEndpoint extends TCPClientEndpoint {}

/** Connects to an IPv6 address. */
export class TCP6ClientEndpoint extends TCPClientEndpoint {}

/** Connect a protocol that exists already. Fires with it, as {@link ClientEndpoint.connect} does. */
export function connectProtocol<P extends Protocol>(endpoint: ClientEndpoint, protocol: P): Deferred<P> {
  return endpoint.connect(new OneProtocolFactory(protocol));
}

class OneProtocolFactory<P extends Protocol> extends Factory<P> {
  readonly #protocol: P;

  constructor(protocol: P) {
    super();
    this.#protocol = protocol;
  }

  override buildProtocol(_addr: Address): P {
    return this.#protocol;
  }
}

// --- strings ---------------------------------------------------------------------------------------------------------

/** Makes server endpoints of one type of description. */
export interface ServerEndpointParser extends EndpointForm {
  /** @throws InvalidEndpointError */
  parse(reactor: ReactorTCP, args: EndpointArguments): ServerEndpoint;
}

/** Makes client endpoints of one type of description. */
export interface ClientEndpointParser extends EndpointForm {
  /** @throws InvalidEndpointError */
  parse(reactor: ReactorTCP, args: EndpointArguments): ClientEndpoint;
}

const MAX_PORT = 65_535;
const MAX_BACKLOG = 65_535;

const serverParsers = new Map<string, ServerEndpointParser>();
const clientParsers = new Map<string, ClientEndpointParser>();

/** Teach serverFromString() a type. The one that had this prefix is replaced. */
export function registerServerEndpointParser(parser: ServerEndpointParser): void {
  serverParsers.set(parser.prefix, parser);
}

/** Teach clientFromString() a type. The one that had this prefix is replaced. */
export function registerClientEndpointParser(parser: ClientEndpointParser): void {
  clientParsers.set(parser.prefix, parser);
}

/**
 * The server endpoint that a string describes: `tcp:port[:interface=address][:backlog=number]`, the same with `tcp6`,
 * or what a registered parser accepts.
 * @throws InvalidEndpointError; TypeError without a reactor
 */
export function serverFromString(reactor: ReactorTCP, description: string): ServerEndpoint {
  ensureDescription("serverFromString", reactor, "listenTCP", description);
  const [parser, args] = select(serverParsers, "server", description);
  return parser.parse(reactor, args);
}

/**
 * The client endpoint that a string describes: `tcp:host:port[:timeout=seconds][:bindAddress=address]`, or what a
 * registered parser accepts.
 * @throws InvalidEndpointError; TypeError without a reactor
 */
export function clientFromString(reactor: ReactorTCP, description: string): ClientEndpoint {
  ensureDescription("clientFromString", reactor, "connectTCP", description);
  const [parser, args] = select(clientParsers, "client", description);
  return parser.parse(reactor, args);
}

/** What else is to be said of types that are not there. */
const WAYS: Readonly<Record<string, string>> = {
  "server haproxy": ': import "skein/protocols/haproxy" first, which brings it',
  "client tcp6": ': "tcp" takes IPv6 addresses as well, as in tcp:\\:\\:1:80',
};

function select<Parser extends EndpointForm>(
  parsers: ReadonlyMap<string, Parser>,
  side: string,
  text: string,
): [Parser, EndpointArguments] {
  const description = parseDescription(text);
  const parser = parsers.get(description.type);
  if (parser === undefined) {
    const forms = [...parsers.values()].map(({ form }) => form).join(" or ");
    const what = `${side} endpoint of type "${description.type}"`;
    const way = WAYS[`${side} ${description.type}`] ?? "";
    throw new InvalidEndpointError(`Bad endpoint "${text}": there is no ${what}${way}. Accepted: ${forms}`);
  }
  return [parser, new EndpointArguments(description, parser)];
}

registerServerEndpointParser({
  prefix: "tcp",
  form: "tcp:port[:interface=address][:backlog=number]",
  parameters: ["port", "interface", "backlog"],
  parse: (reactor, args) =>
    new TCP4ServerEndpoint(reactor, args.integer("port", 0, MAX_PORT), {
      interface: args.text("interface", ""),
      backlog: args.integer("backlog", 1, MAX_BACKLOG, 50),
    }),
});

registerServerEndpointParser({
  prefix: "tcp6",
  form: "tcp6:port[:interface=address][:backlog=number]",
  parameters: ["port", "interface", "backlog"],
  parse: (reactor, args) =>
    new TCP6ServerEndpoint(reactor, args.integer("port", 0, MAX_PORT), {
      interface: args.text("interface", "::"),
      backlog: args.integer("backlog", 1, MAX_BACKLOG, 50),
    }),
});

registerClientEndpointParser({
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
});
