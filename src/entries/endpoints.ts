/**
 * Endpoints say where to listen or to connect, apart from what to do there. They can be made of strings, so that a
 * program's user chooses them. Names and semantics follow twisted.internet.endpoints.
 */
export {
  type ClientEndpoint,
  type ClientEndpointParser,
  clientFromString,
  connectProtocol,
  EndpointArguments,
  type EndpointForm,
  InvalidEndpointError,
  quoteStringArgument,
  registerClientEndpointParser,
  registerServerEndpointParser,
  type ServerEndpoint,
  type ServerEndpointParser,
  serverFromString,
  TCP4ClientEndpoint,
  TCP4ServerEndpoint,
  TCP6ClientEndpoint,
  TCP6ServerEndpoint,
} from "../internet/endpoints/endpoints.ts";
