/** The command line of `skein serve`: the options that every service takes, those of its own, and the help texts. */
import { printable } from "../logger/printable.ts";
import { IDLE_SECONDS, type Limits, MAX_CONNECTIONS, MAX_PER_PEER } from "./limits.ts";
import type { Option, Options, ServiceKind, Values } from "./service.ts";
import { SERVICES } from "./services.ts";
import { parse, UsageError } from "./usage.ts";

export const EXAMPLE = "skein serve chat --listen tcp:1234";
const NAMES = [...SERVICES.keys()].join(", ");

/** The options of every service. */
const GENERAL = {
  listen: {
    type: "string",
    multiple: true,
    short: "l",
    value: "ENDPOINT",
    help: [
      "where to listen; may be given several times. Only this machine can connect unless an interface",
      "is given: its address, or 0.0.0.0 for every interface",
      "  tcp:port[:interface=address][:backlog=number]   IPv4; as in tcp:1234:interface=0.0.0.0",
      "  tcp6:port[:interface=address][:backlog=number]  IPv6; as in tcp6:1234:interface=\\:\\:",
      "  ssl:port:privateKey=server.pem[:certKey=file]   TLS, IPv4; files of PEM; also :extraCertChain=, :caCerts=",
      "    (clients need certificates of these authorities), :passphraseFile=, :interface=, :backlog=",
      "  haproxy:trusted=10.0.0.0/8,192.0.2.7:tcp:port   behind proxies of these addresses (PROXY protocol).",
      "    Whoever is trusted names the client's address; trusted=any trusts everybody. Around ssl: as well",
      "port 0 is any free port",
    ],
  },
  "self-signed": {
    type: "boolean",
    help: [
      "for a first try of ssl:port without files: makes a key and a certificate for localhost and this",
      "machine's addresses, in memory. Nobody should trust it",
    ],
  },
  "max-connections": {
    type: "string",
    value: "N",
    help: [`connections in all, of all endpoints; default ${MAX_CONNECTIONS}; "none" is no limit`],
  },
  "max-per-peer": {
    type: "string",
    value: "N",
    help: [`connections of one IPv4 address, or of one /64 network of IPv6; default ${MAX_PER_PEER}; or "none"`],
  },
  idle: {
    type: "string",
    value: "SECONDS",
    help: [`closes a connection on which no byte came or went for so long; default ${IDLE_SECONDS}; or "none"`],
  },
  reactor: {
    type: "string",
    short: "r",
    value: "NAME",
    help: ["the reactor to run on, as in epoll; default: the environment's SKEIN_REACTOR, else the", "platform's best"],
  },
  help: { type: "boolean", short: "h", help: ["this text; skein serve SERVICE --help describes one service"] },
} as const satisfies Options;

/** What the command line asks for. */
export interface Serving {
  readonly name: string;
  readonly kind: ServiceKind;
  readonly listen: readonly string[];
  readonly limits: Limits;
  readonly selfSigned: boolean;
  readonly general: Values<typeof GENERAL>;
  /** The values of the service's own options. */
  readonly own: Values<Options>;
}

/** Parse the arguments after `serve`. @returns the help text if it was asked for @throws UsageError */
export function parseServing(args: string[]): Serving | string {
  const { values: given, positionals } = parse(
    { args, allowPositionals: true, options: accepted() },
    "Try: skein serve --help",
  );
  const values = given as Values<typeof GENERAL> & Values<Options>;
  const [name, surplus] = positionals;
  if (values.help && name === undefined) return generalHelp();
  const kind = SERVICES.get(name ?? "");
  if (name === undefined) throw new UsageError(`No service given; there are: ${NAMES}`, `Try: ${EXAMPLE}`);
  if (kind === undefined) throw new UsageError(`There is no service "${name}"; there are: ${NAMES}`, `Try: ${EXAMPLE}`);
  if (values.help) return serviceHelp(name, kind);
  if (surplus !== undefined)
    throw new UsageError(`Only one service can be served: "${surplus}" is not expected`, `Try: ${EXAMPLE}`);
  const { listen } = values;
  if (listen === undefined) {
    throw new UsageError("--listen is missing", `Try: skein serve ${name} --listen tcp:1234`);
  }
  const limits: Limits = {
    maxConnections: limit("max-connections", values["max-connections"], MAX_CONNECTIONS),
    maxPerPeer: limit("max-per-peer", values["max-per-peer"], MAX_PER_PEER),
    idle: limit("idle", values.idle, IDLE_SECONDS),
  };
  const selfSigned = values["self-signed"] === true;
  return { name, kind, listen, limits, selfSigned, general: values, own: ownValues(name, kind, values) };
}

/** A whole number from 1 on, or null for `none`. Not 0, which may be meant as "nothing" or as "no limit". */
function limit(option: string, text: string | undefined, byDefault: number): number | null {
  if (text === undefined) return byDefault;
  if (text === "none") return null;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(
    `--${option} "${printable(text)}" is not a whole number from 1 on`,
    `Try: --${option} ${byDefault}, or --${option} none for no limit`,
  );
}

/** The options of all services at once: which of them is served is known only once the line is parsed. */
function accepted(): Options {
  return Object.assign({}, ...[...SERVICES.values()].map(({ options }) => options), GENERAL) as Options;
}

/** The values of the service's own options, once it is clear that no other service's are given. */
function ownValues(name: string, kind: ServiceKind, values: Values<Options>): Values<Options> {
  const own = kind.options ?? {};
  for (const [option, { required }] of Object.entries(own)) {
    if (required === undefined || values[option] !== undefined) continue;
    throw new UsageError(
      `--${option} is missing, which ${name} needs`,
      `Try: skein serve ${name} --listen tcp:1234 --${option} ${required}`,
    );
  }
  for (const option of Object.keys(values)) {
    if (Object.hasOwn(own, option) || Object.hasOwn(GENERAL, option)) continue;
    throw new UsageError(`${name} does not take --${option}`, `Try: skein serve ${name} --listen tcp:1234`);
  }
  return Object.fromEntries(Object.keys(own).map((option) => [option, values[option]]));
}

// --- help texts ------------------------------------------------------------------------------------------------------

function generalHelp(): string {
  return `Usage: skein serve SERVICE --listen ENDPOINT [--listen ENDPOINT …] [options]

Runs a service until Ctrl-C or SIGTERM.

Services; skein serve SERVICE --help describes one, its options, and what whoever connects can do:
${[...SERVICES].map(([name, { summary }]) => `  ${name.padEnd(18)} ${summary}`).join("\n")}

No service authenticates anybody, unless ssl: has caCerts: give an interface, and whoever reaches it is served. SECURITY.md of
this package says which of them are meant for the internet.

Options of every service:
${described(GENERAL)}

Example: ${EXAMPLE}, then talk to it with: nc 127.0.0.1 1234
`;
}

const LIMITED = [
  `It serves ${MAX_CONNECTIONS} connections at once, ${MAX_PER_PEER} of one peer, and closes one after ${IDLE_SECONDS} seconds without a byte: options below.`,
];

function serviceHelp(name: string, { summary, warning = [], options = {} }: ServiceKind): string {
  const own = Object.keys(options).length === 0 ? "" : `Options of ${name}:\n${described(options)}\n\n`;
  const required = Object.entries(options)
    .filter((option) => option[1].required !== undefined)
    .map(([option, { required }]) => ` --${option} ${required}`);
  return `Usage: skein serve ${name} --listen ENDPOINT [--listen ENDPOINT …] [options]

${name}: ${summary}.
${[...warning, ...LIMITED].map((line) => `${line}\n`).join("")}
${own}Options of every service:
${described(GENERAL)}

Example: skein serve ${name} --listen tcp:1234${required.join("")}
`;
}

const INDENT = " ".repeat(25);

function described(options: Options): string {
  return Object.entries(options)
    .flatMap(([name, option]) => lines(name, option))
    .join("\n");
}

function lines(name: string, { short, value, help: [first = "", ...more] }: Option): string[] {
  const head = `  ${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
  // A name that is too long has a line of its own.
  const top = head.length < INDENT.length ? [head.padEnd(INDENT.length) + first] : [head, INDENT + first];
  return [...top, ...more.map((line) => INDENT + line)];
}
