/** `skein serve`: runs one of the built-in services until a signal stops it. */
import { InvalidEndpointError } from "../internet/endpoints/description.ts";
import type { ServerEndpoint } from "../internet/endpoints/interfaces.ts";
import type { ServerDefaults } from "../internet/endpoints/parser.ts";
import { serverFromString } from "../internet/endpoints/registry.ts";
import { ReactorNotAvailableError } from "../internet/error.ts";
import type { ListeningPort, ProtocolLike, Reactor, ReactorTCP } from "../internet/interfaces.ts";
import { installReactor } from "../internet/reactor/installation.ts";
import { say } from "../logger/output.ts";
import "../protocols/haproxy.ts"; // registers the prefix "haproxy:" for serverFromString()
import type { WrappableFactory } from "../protocols/policies/wrapper.ts";
import { ServiceLimits } from "./limits.ts";
import type { Service } from "./service.ts";
import { parseServing, type Serving } from "./serving.ts";
import { UsageError } from "./usage.ts";

/** Where a service listens unless an interface is given. */
const LOOPBACK = new Set(["127.0.0.1", "::1"]);
const ONLY_HERE = "skein: only this machine can connect; to listen elsewhere, give an address, as in";

/**
 * A burst of connections, as a flood brings, must not fill the queue: the kernel drops what does not fit, and honest clients
 * try again a second later.
 */
const BACKLOG = 1024;

/** @throws UsageError | CannotListenError | NativeLoadError */
export async function serve(args: string[]): Promise<void> {
  const serving = parseServing(args);
  if (typeof serving === "string") {
    say(serving);
    return;
  }
  const { name, kind, general, own } = serving;
  const reactor = await chooseReactor(general.reactor);
  const service = kind.make(reactor, own);
  const listening = await listen(reactor, service, serving);
  const ports = listening.map(({ port }) => port);
  for (const port of ports) service.listening?.(port.getHost());
  reactor.callWhenRunning(() => {
    for (const { port, introduced } of listening) {
      say(`skein: ${name} on ${port.getHost()} (${reactor.name} reactor); press Ctrl-C to stop\n`);
      if (introduced !== undefined) say(introduced);
    }
    if (ports.every((port) => LOOPBACK.has(port.getHost().host))) {
      say(`${ONLY_HERE} ${serving.listen.every(isTLS) ? "ssl:8443" : "tcp:1234"}:interface=0.0.0.0\n`);
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

interface Listening {
  readonly port: ListeningPort;
  /** What is said of its certificate. */
  readonly introduced: string | undefined;
}

/** Listen on every endpoint. All descriptions are parsed before the first port is opened. */
async function listen(reactor: Reactor, service: Service, serving: Serving): Promise<Listening[]> {
  const limited = new ServiceLimits(reactor, serving.limits);
  const listening = limited.listening(reactor);
  const factory = limited.perPeer(service.factory as WrappableFactory<ProtocolLike>);
  // What serves no TLS loads none.
  if (serving.listen.some(isTLS)) await import("../internet/endpoints/ssl.ts");
  const own = serving.selfSigned ? new (await import("./selfsigned.ts")).SelfSigned() : undefined;
  const endpoints = serving.listen.map((description) => {
    let shown: typeof own;
    const contextFactory = () => {
      shown = own;
      return own!.options;
    };
    const defaults = { loopback: true, backlog: BACKLOG, ...(own && { contextFactory }) };
    const endpoint = endpointOf(listening, description, defaults);
    return { endpoint, shown };
  });
  if (own !== undefined && endpoints.every(({ shown }) => shown === undefined)) {
    throw new UsageError(
      "--self-signed is for an ssl: endpoint that names no files, and there is none",
      "Try: --listen ssl:8443 --self-signed",
    );
  }
  return await Promise.all(
    endpoints.map(async ({ endpoint, shown }) => {
      const port = await endpoint.listen(factory);
      return { port, introduced: shown?.introduction(port) };
    }),
  );
}

/** @throws UsageError */
function endpointOf(reactor: ReactorTCP, description: string, defaults: ServerDefaults): ServerEndpoint {
  try {
    return serverFromString(reactor, description, defaults);
  } catch (error) {
    if (!(error instanceof InvalidEndpointError)) throw error;
    throw new UsageError(error.message, isTLS(description) ? TLS_HINT : "Try: --listen tcp:1234");
  }
}

/** Whether an endpoint is of type `ssl:`, or wraps one. */
function isTLS(description: string): boolean {
  return /(^|:)ssl:/.test(description);
}

const TLS_HINT =
  "Try: --listen ssl:8443:privateKey=server.pem, a file of PEM with a key and its certificate; " +
  "or, for a first try: --listen ssl:8443 --self-signed";
