/**
 * Endpoints for TLS: `ssl:` and `tls:`. Importing `skein/ssl` registers their strings. Names and semantics follow
 * twisted.internet.endpoints.
 */
import { readFileSync } from "node:fs";
import { printable } from "../../logger/printable.ts";
import { check } from "../arguments/check.ts";
import { port as portKind } from "../arguments/kinds.ts";
import {
  ensureClientEndpoint,
  ensureConnectOptions,
  ensureHost,
  ensureListenOptions,
  ensureReactor,
} from "../arguments/reactors.ts";
import type { Deferred } from "../defer/deferred.ts";
import { fail, succeed } from "../defer/makers.ts";
import { getSystemErrorMessage } from "../errno.ts";
import type {
  ConnectTCPOptions,
  ListenTCPOptions,
  ProtocolLike,
  ReactorSSL,
  ReactorTCP,
  ServerFactoryLike,
  TLSListeningPort,
} from "../interfaces.ts";
import type { ProtocolFactory } from "../protocol.ts";
import { Certificate } from "../tls/certificate.ts";
import { TLSOptionsError } from "../tls/errors.ts";
import { KeyPair, PrivateCertificate } from "../tls/keypair.ts";
import { CertificateOptions, optionsForClientTLS } from "../tls/options.ts";
import { type ContextFactory, securityOf } from "../tls/seam.ts";
import { trustRootFromCertificates } from "../tls/trust.ts";
import { attempt } from "./attempt.ts";
import type { EndpointArguments } from "./description.ts";
import type { ClientEndpoint, ServerEndpoint } from "./interfaces.ts";
import type { ClientEndpointParser, ServerEndpointParser } from "./parser.ts";
import { PLAIN_FIRST } from "./plainfirst.ts";
import { registerClientEndpointParser, registerServerEndpointParser } from "./registry.ts";
import { LaterSecuredPort, SecuringFactory } from "./securing.ts";
import { TCP4ClientEndpoint } from "./tcp.ts";

const MAX_PORT = 65_535;
const MAX_BACKLOG = 65_535;

/** Listens for TLS. */
export class SSL4ServerEndpoint implements ServerEndpoint {
  readonly #reactor: ReactorSSL;
  readonly #port: number;
  readonly #contextFactory: ContextFactory;
  readonly #options: ListenTCPOptions;

  /** @throws TypeError | RangeError for what listenSSL() would refuse */
  constructor(reactor: ReactorSSL, port: number, contextFactory: ContextFactory, options: ListenTCPOptions = {}) {
    const call = `new ${new.target.name}(reactor, port, contextFactory, options)`;
    ensureReactor(call, reactor, "listenSSL");
    check(call, "port", port, portKind);
    securityOf(call, contextFactory);
    this.#reactor = reactor;
    this.#port = port;
    this.#contextFactory = contextFactory;
    this.#options = ensureListenOptions(call, options);
  }

  listen(factory: ServerFactoryLike): Deferred<TLSListeningPort> {
    try {
      return succeed(this.#reactor.listenSSL(this.#port, factory, this.#contextFactory, this.#options));
    } catch (error) {
      return fail(error);
    }
  }

  /** @internal */
  [PLAIN_FIRST](
    factory: ServerFactoryLike,
    wrap: (secured: ServerFactoryLike) => ServerFactoryLike,
  ): Deferred<TLSListeningPort> {
    try {
      ensureReactor("listen(factory) behind a proxy", this.#reactor, "listenTCP");
      const reactor = this.#reactor as ReactorSSL & ReactorTCP;
      const securing = new SecuringFactory(factory as ProtocolFactory<ProtocolLike>, this.#contextFactory, true);
      return succeed(new LaterSecuredPort(reactor.listenTCP(this.#port, wrap(securing), this.#options), securing));
    } catch (error) {
      return fail(error);
    }
  }
}

/** Connects with TLS from the first byte. */
export class SSL4ClientEndpoint implements ClientEndpoint {
  readonly #reactor: ReactorSSL;
  readonly #host: string;
  readonly #port: number;
  readonly #contextFactory: ContextFactory;
  readonly #options: ConnectTCPOptions;

  /** @throws TypeError | RangeError for what connectSSL() would refuse */
  constructor(
    reactor: ReactorSSL,
    host: string,
    port: number,
    contextFactory: ContextFactory,
    options: ConnectTCPOptions = {},
  ) {
    const call = `new ${new.target.name}(reactor, host, port, contextFactory, options)`;
    ensureReactor(call, reactor, "connectSSL");
    ensureHost(call, host, port);
    securityOf(call, contextFactory);
    this.#reactor = reactor;
    this.#host = host;
    this.#port = port;
    this.#contextFactory = contextFactory;
    this.#options = ensureConnectOptions(call, options);
  }

  connect<P extends ProtocolLike>(factory: ProtocolFactory<P>): Deferred<P> {
    return attempt(factory, (client) =>
      this.#reactor.connectSSL(this.#host, this.#port, client, this.#contextFactory, this.#options),
    );
  }
}

/** The connections of `endpoint`, with TLS as the client from their first byte. @throws TypeError */
export function wrapClientTLS(contextFactory: ContextFactory, endpoint: ClientEndpoint): ClientEndpoint {
  const call = "wrapClientTLS(contextFactory, endpoint)";
  securityOf(call, contextFactory);
  ensureClientEndpoint(call, endpoint);
  return {
    connect: <P extends ProtocolLike>(factory: ProtocolFactory<P>) =>
      endpoint.connect(new SecuringFactory(factory, contextFactory, false)),
  };
}

// --- strings ---------------------------------------------------------------------------------------------------------

/** The files that a description names. What was read of them is wiped: some have keys, and passphrases. */
class Files {
  readonly #args: EndpointArguments;
  readonly #contents: Buffer[] = [];

  constructor(args: EndpointArguments) {
    this.#args = args;
  }

  /** The contents of the file that an argument names; undefined when it names none. @throws InvalidEndpointError */
  read(name: string, byDefault = ""): Buffer | undefined {
    const path = this.#args.text(name, byDefault);
    if (path === "") return undefined;
    try {
      const contents = readFileSync(path);
      this.#contents.push(contents);
      return contents;
    } catch (error) {
      const { errno = 0, code = "" } = error as NodeJS.ErrnoException;
      throw this.#args.invalid(
        `${name} "${printable(path)}" cannot be read: ${getSystemErrorMessage(-errno)} (${code})`,
      );
    }
  }

  /** What making the options throws, as an error of the description. */
  static use<T>(args: EndpointArguments, make: (files: Files) => T): T {
    const files = new Files(args);
    try {
      return make(files);
    } catch (error) {
      if (error instanceof TLSOptionsError) throw args.invalid(error.message.replace(/\.$/, ""));
      throw error;
    } finally {
      for (const contents of files.#contents) contents.fill(0);
    }
  }
}

const SERVER_FORM =
  "ssl:port:privateKey=file[:certKey=file][:extraCertChain=file][:caCerts=file][:passphraseFile=file]" +
  "[:interface=address][:backlog=number], files of PEM";

const serverParser: ServerEndpointParser = {
  prefix: "ssl",
  form: SERVER_FORM,
  parameters: ["port", "privateKey", "certKey", "interface", "backlog", "extraCertChain", "caCerts", "passphraseFile"],
  parse: (reactor, args, defaults) => {
    const byDefault = defaults.loopback ? "127.0.0.1" : "";
    const given = args.text("privateKey", "");
    const options =
      given === "" && defaults.contextFactory !== undefined
        ? defaults.contextFactory()
        : Files.use(args, serverOptions);
    return new SSL4ServerEndpoint(ensuredSSL(args, reactor), args.integer("port", 0, MAX_PORT), options, {
      interface: args.text("interface", byDefault) || byDefault,
      backlog: args.integer("backlog", 1, MAX_BACKLOG, defaults.backlog ?? 50),
    });
  },
};

function serverOptions(files: Files): CertificateOptions {
  const privateKey = files.read("privateKey", "server.pem")!;
  const [certificate, chain, authorities, secret] = ["certKey", "extraCertChain", "caCerts", "passphraseFile"].map(
    (name) => files.read(name),
  );
  return new CertificateOptions({
    privateKey,
    certificate: certificate ?? privateKey,
    ...(secret && { passphrase: withoutNewline(secret) }),
    ...(chain && { extraCertChain: chain }),
    ...(authorities && { trustRoot: trustRootFromCertificates([authorities]) }),
  });
}

const CLIENT_PARAMETERS = ["timeout", "bindAddress", "certificate", "privateKey", "trustRoots"];
const CLIENT_FORM =
  "host:port[:timeout=seconds][:bindAddress=address][:certificate=file][:privateKey=file][:trustRoots=file]";

/** `tls:` connects to the name that it verifies; `ssl:` is its older name. */
function clientParser(prefix: string): ClientEndpointParser {
  return {
    prefix,
    form: `${prefix}:${CLIENT_FORM}, files of PEM`,
    parameters: ["host", "port", ...CLIENT_PARAMETERS],
    parse: (reactor, args) => {
      const host = args.text("host");
      const bindHost = args.text("bindAddress", "");
      const options = Files.use(args, (files) => {
        const [certificate, key, roots] = ["certificate", "privateKey", "trustRoots"].map((name) => files.read(name));
        return optionsForClientTLS(host, {
          ...(certificate && { clientCertificate: clientCertificate(certificate, key ?? certificate) }),
          ...(roots && { trustRoot: trustRootFromCertificates([roots]) }),
        });
      });
      const endpoint = new TCP4ClientEndpoint(reactor, host, args.integer("port", 0, MAX_PORT), {
        timeout: args.seconds("timeout", 30),
        ...(bindHost === "" ? {} : { bindAddress: [bindHost, 0] as const }),
      });
      return wrapClientTLS(options, endpoint);
    },
  };
}

function clientCertificate(certificate: Buffer, key: Buffer): PrivateCertificate {
  return new PrivateCertificate(new Certificate(certificate), new KeyPair(key));
}

function withoutNewline(secret: Buffer): Buffer {
  const end = secret.indexOf(10);
  const line = end < 0 ? secret : secret.subarray(0, end);
  return line.at(-1) === 13 ? line.subarray(0, -1) : line;
}

function ensuredSSL(args: EndpointArguments, reactor: ReactorTCP): ReactorSSL {
  if (typeof (reactor as Partial<ReactorSSL>).listenSSL === "function") return reactor as ReactorTCP & ReactorSSL;
  throw args.invalid("the reactor has no listenSSL()");
}

registerServerEndpointParser(serverParser);
registerClientEndpointParser(clientParser("tls"));
registerClientEndpointParser(clientParser("ssl"));
