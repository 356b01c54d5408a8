/** `skein serve`: runs one of the built-in services until a signal stops it. */
import { InvalidEndpointError } from "../internet/endpoints/description.ts";
import { serverFromString } from "../internet/endpoints/registry.ts";
import { ReactorNotAvailableError } from "../internet/error.ts";
import type { ListeningPort, Reactor } from "../internet/interfaces.ts";
import { installReactor } from "../internet/reactor/installation.ts";
import { SERVICES, type Service } from "./services.ts";
import "../protocols/haproxy.ts"; // registers the prefix "haproxy:" for serverFromString()
import { parse, UsageError } from "./usage.ts";

const EXAMPLE = "skein serve chat --listen tcp:1234";
const NAMES = [...SERVICES.keys()].join(", ");

const HELP = `Usage: skein serve SERVICE --listen ENDPOINT [--listen ENDPOINT …] [--to HOST:PORT] [--reactor NAME]

Runs a service until Ctrl-C or SIGTERM.

Services:
${[...SERVICES].map(([name, { summary }]) => `  ${name.padEnd(18)} ${summary}`).join("\n")}

Options:
  -l, --listen ENDPOINT  where to listen; may be given several times
                           tcp:port[:interface=address][:backlog=number]   IPv4
                           tcp6:port[:interface=address][:backlog=number]  IPv6; write "\\:" for a ":" in an address
                           haproxy:tcp:port  the same behind a proxy that sends the client's address (PROXY protocol)
                         port 0 is any free port
  -t, --to HOST:PORT     where portforward connects to
  -r, --reactor NAME     the reactor to run on, as in epoll; default: the environment's SKEIN_REACTOR, else the
                         platform's best
  -h, --help             this text

Example: ${EXAMPLE}, then talk to it with: nc localhost 1234
`;

/** @throws UsageError | CannotListenError | NativeLoadError */
export async function serve(args: string[]): Promise<void> {
  const { values, positionals } = parse(
    {
      args,
      allowPositionals: true,
      options: {
        listen: { type: "string", multiple: true, short: "l" },
        to: { type: "string", short: "t" },
        reactor: { type: "string", short: "r" },
        help: { type: "boolean", short: "h" },
      },
    },
    "Try: skein serve --help",
  );
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const [name, surplus] = positionals;
  const kind = SERVICES.get(name ?? "");
  if (name === undefined) throw new UsageError(`No service given; there are: ${NAMES}`, `Try: ${EXAMPLE}`);
  if (kind === undefined) throw new UsageError(`There is no service "${name}"; there are: ${NAMES}`, `Try: ${EXAMPLE}`);
  if (surplus !== undefined)
    throw new UsageError(`Only one service can be served: "${surplus}" is not expected`, `Try: ${EXAMPLE}`);
  if (values.listen === undefined) {
    throw new UsageError("--listen is missing", `Try: skein serve ${name} --listen tcp:1234`);
  }
  if (kind.connects && values.to === undefined) {
    throw new UsageError(
      `--to is missing, which ${name} needs`,
      `Try: skein serve ${name} --listen tcp:1234 --to localhost:80`,
    );
  }
  if (!kind.connects && values.to !== undefined) {
    throw new UsageError(`${name} does not take --to`, `Try: skein serve ${name} --listen tcp:1234`);
  }
  const reactor = await chooseReactor(values.reactor);
  const service = kind.make(reactor, values.to ?? "");
  const ports = await listen(reactor, service, values.listen);
  reactor.callWhenRunning(() => {
    for (const port of ports) {
      process.stdout.write(`skein: ${name} on ${port.getHost()} (${reactor.name} reactor); press Ctrl-C to stop\n`);
    }
  });
  reactor.addSystemEventTrigger("before", "shutdown", () => {
    for (const port of ports) port.stopListening();
    return service.shutdown?.();
  });
  await reactor.run();
}

/** The reactor module installs the default reactor when it is imported, so it is imported only now. */
async function chooseReactor(name: string | undefined): Promise<Reactor> {
  if (name !== undefined) {
    const { reactorNamed } = await import("../internet/reactor/named.ts");
    try {
      installReactor(reactorNamed(name));
    } catch (error) {
      if (!(error instanceof ReactorNotAvailableError)) throw error;
      throw new UsageError(error.message, "Try it without --reactor: the platform's best is chosen then.");
    }
  }
  return (await import("../internet/reactor/reactor.ts")).reactor;
}

/** Listen on every endpoint. All descriptions are parsed before the first port is opened. */
async function listen(reactor: Reactor, service: Service, descriptions: string[]): Promise<ListeningPort[]> {
  try {
    const endpoints = descriptions.map((description) => serverFromString(reactor, description));
    return await Promise.all(endpoints.map((endpoint) => endpoint.listen(service.factory)));
  } catch (error) {
    if (!(error instanceof InvalidEndpointError)) throw error;
    throw new UsageError(error.message, "Try: --listen tcp:1234");
  }
}
