/** Creates connections for async functions: by taking over a transport, by connecting, or by accepting. */
import { check } from "../internet/arguments/check.ts";
import { callable, type Kind, withMethods } from "../internet/arguments/kinds.ts";
import { ensureClientEndpoint } from "../internet/arguments/reactors.ts";
import { signalOf } from "../internet/arguments/waiting.ts";
import type { ClientEndpoint } from "../internet/endpoints/interfaces.ts";
import { ConnectionClosed } from "../internet/error.ts";
import type { Transport } from "../internet/interfaces.ts";
import { Factory, type Protocol } from "../internet/protocol.ts";
import { monotonicClock } from "../internet/time.ts";
import { isInstance, summaryOf } from "../logger/describe.ts";
import { err } from "../logger/log.ts";
import { Refusals } from "../logger/refusals.ts";
import { Connection, type ReadOptions } from "./connection.ts";
import { FramingError } from "./framer.ts";
import { Intake } from "./intake.ts";

/** A transport that can be taken over from its protocol. */
export const SWITCHABLE: Kind = withMethods("a transport", "switchProtocol", "write", "loseConnection", "getPeer");

/** What loops and web streams read from. */
export const SOURCE: Kind = {
  ...SWITCHABLE,
  accepts: "a Connection or a transport",
  typed: (value) => value instanceof Connection || SWITCHABLE.typed(value),
};

/**
 * Take over a connection from its protocol, which receives no more events. Bytes that the protocol has received before
 * are not included: pass those that it did not use to `unread()`.
 * @throws TypeError
 */
export function connectionOver(transport: Transport): Connection {
  check("connectionOver(transport)", "transport", transport, SWITCHABLE);
  return takeOver(transport);
}

/** {@link connectionOver} for a transport that was checked. */
export function takeOver(transport: Transport): Connection {
  const intake = new Intake();
  transport.switchProtocol(intake);
  if (!intake.connected) intake.missed(transport);
  return new Connection(intake);
}

/**
 * Connect. Resolves with the connection.
 * @param options.signal cancels the attempt when it aborts
 * @throws ConnectError; the signal's reason when it aborts; TypeError for wrong arguments
 */
export async function connect(endpoint: ClientEndpoint, options?: ReadOptions): Promise<Connection> {
  ensureClientEndpoint("connect(endpoint, options)", endpoint);
  const signal = signalOf("connect(endpoint, options)", options);
  try {
    return new Connection(await endpoint.connect(new IntakeFactory()).asPromise(signal && { signal }));
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error;
  }
}

class IntakeFactory extends Factory<Intake> {
  override readonly protocol = Intake;
}

/** Handles one connection, which is closed when the function has finished. */
export type Handler = (connection: Connection) => unknown;

/**
 * A factory for `listenTCP` and endpoints that calls `handler` for each connection. When the handler has finished, the
 * connection is closed as soon as everything is sent. When it throws, the error is logged and the connection aborted. An
 * error because of the lost connection is not logged; a {@link FramingError}, which is the peer's doing, has a line without
 * a stack, at level "info" and once a minute at most, which says how many others there were.
 * @throws TypeError
 */
export function handle(handler: Handler): Factory<Protocol> {
  check("handle(handler)", "handler", handler, callable);
  return new HandlerFactory(handler);
}

class HandlerFactory extends Factory<Intake> {
  readonly #handler: Handler;
  readonly #refusals = new Refusals();

  constructor(handler: Handler) {
    super();
    this.#handler = handler;
  }

  override buildProtocol(): Intake {
    const intake = new Handled(this.#handler, this.#refusals);
    intake.factory = this;
    return intake;
  }
}

class Handled extends Intake {
  readonly #handler: Handler;
  readonly #refusals: Refusals;

  constructor(handler: Handler, refusals: Refusals) {
    super();
    this.#handler = handler;
    this.#refusals = refusals;
  }

  override connectionMade(): void {
    super.connectionMade();
    this.#run(new Connection(this));
  }

  async #run(connection: Connection): Promise<void> {
    try {
      await this.#handler(connection);
      await connection.close();
    } catch (error) {
      this.#log(error, connection);
      await connection.abort();
    }
  }

  #log(error: unknown, connection: Connection): void {
    if (connection.lost && isInstance(error, ConnectionClosed)) return;
    if (isInstance(error, FramingError)) {
      const line = (): string => `The connection from ${connection.peer} is closed: ${summaryOf(error)}`;
      this.#refusals.note(monotonicClock.seconds(), line);
    } else {
      err(error, `A handler threw; its connection to ${connection.peer} is closed`);
    }
  }
}
