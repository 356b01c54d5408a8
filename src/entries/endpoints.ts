/**
 * Endpoints say where to listen or to connect, apart from what to do there. They can be made of strings, so that a
 * program's user chooses them. Names and semantics follow twisted.internet.endpoints.
 */

export { connectProtocol } from "../internet/endpoints/connectprotocol.ts";
export {
  EndpointArguments,
  type EndpointForm,
  InvalidEndpointError,
  quoteStringArgument,
} from "../internet/endpoints/description.ts";
export type { ClientEndpoint, ServerEndpoint } from "../internet/endpoints/interfaces.ts";
export type { ClientEndpointParser, ServerDefaults, ServerEndpointParser } from "../internet/endpoints/parser.ts";
export {
  clientFromString,
  registerClientEndpointParser,
  registerServerEndpointParser,
  serverFromString,
} from "../internet/endpoints/registry.ts";
export {
  TCP4ClientEndpoint,
  TCP4ServerEndpoint,
  TCP6ClientEndpoint,
  TCP6ServerEndpoint,
} from "../internet/endpoints/tcp.ts";
