/** Connects an existing protocol instance. */
import { check } from "../arguments/check.ts";
import { withMethods } from "../arguments/kinds.ts";
import { ensureProtocol } from "../arguments/transports.ts";
import type { Deferred } from "../defer/deferred.ts";
import type { Address } from "../interfaces.ts";
import { Factory, type Protocol } from "../protocol.ts";
import type { ClientEndpoint } from "./interfaces.ts";

const ENDPOINT = withMethods("an endpoint", "connect");

/** Connect an existing protocol instance. Fires with it, as {@link ClientEndpoint.connect} does. */
export function connectProtocol<P extends Protocol>(endpoint: ClientEndpoint, protocol: P): Deferred<P> {
  check("connectProtocol(endpoint, protocol)", "endpoint", endpoint, ENDPOINT);
  ensureProtocol("connectProtocol(endpoint, protocol)", protocol);
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
