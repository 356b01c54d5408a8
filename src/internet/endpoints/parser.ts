/** The parsers that create endpoints from descriptions of one type. */
import type { ReactorTCP } from "../interfaces.ts";
import type { ContextFactory } from "../tls/seam.ts";
import type { EndpointArguments, EndpointForm } from "./description.ts";
import type { ClientEndpoint, ServerEndpoint } from "./interfaces.ts";

/** What applies where a description of a server endpoint says nothing. */
export interface ServerDefaults {
  /** Listen on this machine's loopback address instead of every interface, unless one is given. Default false. */
  readonly loopback?: boolean;
  /** The kernel's queue of connections that wait for accept(2). Default 50. */
  readonly backlog?: number;
  /** Makes the options of TLS for an endpoint of type `ssl:` that names no files. Default: what is in "server.pem". */
  readonly contextFactory?: () => ContextFactory;
}

/** Creates server endpoints from one type of description. */
export interface ServerEndpointParser extends EndpointForm {
  /**
   * @param defaults a type that wraps another one passes them on
   * @throws InvalidEndpointError
   */
  parse(reactor: ReactorTCP, args: EndpointArguments, defaults: ServerDefaults): ServerEndpoint;
}

/** Creates client endpoints from one type of description. */
export interface ClientEndpointParser extends EndpointForm {
  /** @throws InvalidEndpointError */
  parse(reactor: ReactorTCP, args: EndpointArguments): ClientEndpoint;
}
