/** The parsers that create endpoints from descriptions of one type. */
import type { ReactorTCP } from "../interfaces.ts";
import type { EndpointArguments, EndpointForm } from "./description.ts";
import type { ClientEndpoint, ServerEndpoint } from "./interfaces.ts";

/** Creates server endpoints from one type of description. */
export interface ServerEndpointParser extends EndpointForm {
  /** @throws InvalidEndpointError */
  parse(reactor: ReactorTCP, args: EndpointArguments): ServerEndpoint;
}

/** Creates client endpoints from one type of description. */
export interface ClientEndpointParser extends EndpointForm {
  /** @throws InvalidEndpointError */
  parse(reactor: ReactorTCP, args: EndpointArguments): ClientEndpoint;
}
