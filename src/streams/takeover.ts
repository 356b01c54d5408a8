/** Ways to get a connection for an async function: take one over, connect, or accept. */
import type { ClientEndpoint } from "../internet/endpoints/interfaces.ts";
import { ConnectionClosed } from "../internet/error.ts";
import type { Transport } from "../internet/interfaces.ts";
import { Factory, type Protocol } from "../internet/protocol.ts";
import { isInstance } from "../logger/describe.ts";
import { err } from "../logger/log.ts";
import { Connection, type ReadOptions } from "./connection.ts";
import { Intake } from "./intake.ts";

/**
 * Take over a connection from its protocol, which receives no more events. Bytes that the protocol has received already
 * belong to it: pass them to `unread()`.
 */
export function connectionOver(transport: Transport): Connection {
  const intake = new Intake();
  transport.switchProtocol(intake);
  if (!intake.connected) intake.missed(transport);
  return new Connection(intake);
}

/**
 * Connect. Resolves with the connection.
 * @param options.signal ends the attempt when it aborts
 * @throws ConnectError; the signal's reason when it aborts
 */
export async function connect(endpoint: ClientEndpoint, options?: ReadOptions): Promise<Connection> {
  try {
    return new Connection(await endpoint.connect(new IntakeFactory()).asPromise(options));
  } catch (error) {
    if (options?.signal?.aborted) throw options.signal.reason;
    throw error;
  }
}

class IntakeFactory extends Factory<Intake> {
  override readonly protocol = Intake;
}

/** Handles one connection, which is closed when the function returns. */
export type Handler = (connection: Connection) => unknown;

/**
 * A factory for `listenTCP` and endpoints: each connection is given to a call of `handler`. When that has finished, the
 * connection is closed once all is sent; when it throws, the error is logged and the connection cut. To throw because
 * the connection was lost is no error.
 */
export function handle(handler: Handler): Factory<Protocol> {
  return new HandlerFactory(handler);
}

class HandlerFactory extends Factory<Intake> {
  readonly #handler: Handler;

  constructor(handler: Handler) {
    super();
    this.#handler = handler;
  }

  override buildProtocol(): Intake {
    const intake = new Handled(this.#handler);
    intake.factory = this;
    return intake;
  }
}

class Handled extends Intake {
  readonly #handler: Handler;

  constructor(handler: Handler) {
    super();
    this.#handler = handler;
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
      if (!(connection.lost && isInstance(error, ConnectionClosed))) {
        err(error, `A handler threw; its connection to ${connection.peer} is closed`);
      }
      await connection.abort();
    }
  }
}
