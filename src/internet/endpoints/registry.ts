/**
 * The endpoint parsers by prefix, for serverFromString() and clientFromString(). A module that adds a type registers
 * its parser when it is imported; those for TCP are built in.
 */
import { printable } from "../../logger/printable.ts";
import { check, checkOptions, type OptionKinds } from "../arguments/check.ts";
import { callable, flag, integer, type Kind } from "../arguments/kinds.ts";
import { ensureDescription } from "../arguments/reactors.ts";
import type { ReactorTCP } from "../interfaces.ts";
import { EndpointArguments, type EndpointForm, InvalidEndpointError, parseDescription } from "./description.ts";
import type { ClientEndpoint, ServerEndpoint } from "./interfaces.ts";
import type { ClientEndpointParser, ServerDefaults, ServerEndpointParser } from "./parser.ts";
import { tcp6ServerParser, tcpClientParser, tcpServerParser } from "./tcp.ts";

const serverParsers = byPrefix<ServerEndpointParser>([tcpServerParser, tcp6ServerParser]);
const clientParsers = byPrefix<ClientEndpointParser>([tcpClientParser]);

function byPrefix<Parser extends EndpointForm>(parsers: readonly Parser[]): Map<string, Parser> {
  return new Map(parsers.map((parser) => [parser.prefix, parser]));
}

/** An EndpointForm that parses. */
const PARSER: Kind = {
  accepts: "an object with a prefix, a form, parameters (a list of names, or null) and parse()",
  typed: (value) => {
    const { prefix, form, parameters, parse } = (value ?? {}) as Partial<Record<keyof ServerEndpointParser, unknown>>;
    const named = typeof prefix === "string" && typeof form === "string" && typeof parse === "function";
    return named && (parameters === null || Array.isArray(parameters));
  },
};

/** Register a type for serverFromString(). Replaces the parser with the same prefix. */
export function registerServerEndpointParser(parser: ServerEndpointParser): void {
  check("registerServerEndpointParser(parser)", "parser", parser, PARSER);
  serverParsers.set(parser.prefix, parser);
}

/** Register a type for clientFromString(). Replaces the parser with the same prefix. */
export function registerClientEndpointParser(parser: ClientEndpointParser): void {
  check("registerClientEndpointParser(parser)", "parser", parser, PARSER);
  clientParsers.set(parser.prefix, parser);
}

const DEFAULTS: OptionKinds<ServerDefaults> = {
  loopback: flag,
  backlog: integer(1, 65_535),
  contextFactory: callable,
};

/**
 * The server endpoint that a string describes: `tcp:port[:interface=address][:backlog=number]`, the same with `tcp6`,
 * or what a registered parser accepts.
 * @param defaults what applies if the description does not say it; by default every interface, and a backlog of 50
 * @throws InvalidEndpointError; TypeError without a reactor
 */
export function serverFromString(
  reactor: ReactorTCP,
  description: string,
  defaults: ServerDefaults = {},
): ServerEndpoint {
  ensureDescription("serverFromString", reactor, "listenTCP", description);
  const checked = checkOptions<ServerDefaults>("serverFromString(reactor, description, defaults)", defaults, DEFAULTS);
  const [parser, args] = select(serverParsers, "server", description);
  return parser.parse(reactor, args, checked);
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

const IMPORTS_SSL = ': import "skein/ssl" first, which registers it';
/** Hints for types that only servers, or only clients, have, and for those that an import registers. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ["server ssl", IMPORTS_SSL],
  ["client ssl", IMPORTS_SSL],
  ["client tls", IMPORTS_SSL],
  ["server haproxy", ': import "skein/protocols/haproxy" first, which registers it'],
  ["client tcp6", ': "tcp" takes IPv6 addresses as well, as in tcp:\\:\\:1:80'],
]);

function select<Parser extends EndpointForm>(
  parsers: ReadonlyMap<string, Parser>,
  side: string,
  text: string,
): [Parser, EndpointArguments] {
  const description = parseDescription(text);
  const parser = parsers.get(description.type);
  if (parser === undefined) {
    const forms = [...parsers.values()].map(({ form }) => form).join(" or ");
    const what = `${side} endpoint of type "${printable(description.type)}"`;
    const hint = HINTS.get(`${side} ${description.type}`) ?? "";
    throw new InvalidEndpointError(`Bad endpoint "${printable(text)}": there is no ${what}${hint}. Accepted: ${forms}`);
  }
  return [parser, new EndpointArguments(description, parser)];
}
