/** Connects an existing protocol instance. */
import { ensureClientEndpoint } from "../arguments/reactors.ts";
import { ensureProtocol } from "../arguments/transports.ts";
import type { Deferred } from "../defer/deferred.ts";
import type { Address } from "../interfaces.ts";
import { Factory, type Protocol } from "../protocol.ts";
import type { ClientEndpoint } from "./interfaces.ts";

/** Connect an existing protocol instance. Fires with it, as {@link ClientEndpoint.connect} does. */
export function connectProtocol<P extends Protocol>(endpoint: ClientEndpoint, protocol: P): Deferred<P> {
  ensureClientEndpoint("connectProtocol(endpoint, protocol)", endpoint);
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
