/** Completes the connection attempts of a MemoryReactor. */
import { check } from "../internet/arguments/check.ts";
import { ensureFactory } from "../internet/arguments/factories.ts";
import * as kinds from "../internet/arguments/kinds.ts";
import { attempt } from "../internet/endpoints/attempt.ts";
import type { ClientEndpoint } from "../internet/endpoints/interfaces.ts";
import { ConnectError } from "../internet/error.ts";
import type { ServerFactoryLike } from "../internet/interfaces.ts";
import { Factory } from "../internet/protocol.ts";
import { AccumulatingProtocol } from "./accumulatingprotocol.ts";
import { connect, FakeTransport, type IOPump } from "./iosim.ts";
import type { MemoryConnector } from "./memoryconnections.ts";
import { MemoryReactorClock } from "./memoryreactor.ts";
import { CLIENT_ADDRESS } from "./memorytransport.ts";

/** Makes the connection attempts of a MemoryReactor succeed or fail. */
export class ConnectionCompleter {
  private readonly reactor: MemoryReactorClock;

  /** @throws TypeError when `reactor` is not a MemoryReactorClock */
  constructor(reactor: MemoryReactorClock) {
    check("new ConnectionCompleter(reactor)", "reactor", reactor, kinds.instance(MemoryReactorClock));
    this.reactor = reactor;
  }

  /**
   * The first pending attempt succeeds. It is connected to the factory that listens on that port of the same reactor.
   * @returns the pump, or undefined when no attempt is pending
   * @throws Error when no port listens, or a factory builds no protocol
   */
  succeedOnce(): IOPump | undefined {
    const connector = this.next();
    if (connector === undefined) return undefined;
    const port = this.reactor.tcpServers.find((candidate) => candidate.listening && candidate.port === connector.port);
    if (port === undefined) throw new Error(`Nothing listens on port ${connector.port} of this reactor.`);
    const client = connector.begin();
    const server = port.factory.buildProtocol(CLIENT_ADDRESS);
    if (!client || !server) throw new Error("A factory built no protocol.");
    const clientIO = new FakeTransport(client, false);
    clientIO.onLost = (reason) => connector.lose(reason);
    return connect(server, new FakeTransport(server, true), client, clientIO);
  }

  /** The first pending attempt fails with `reason`. Returns false when none is pending. @throws TypeError */
  failOnce(reason: Error = new ConnectError("The test made this attempt fail.")): boolean {
    check("failOnce(reason)", "reason", reason, kinds.error);
    const connector = this.next();
    connector?.fail(reason);
    return connector !== undefined;
  }

  private next(): MemoryConnector | undefined {
    return this.reactor.tcpClients.find((connector) => connector.state === "connecting");
  }
}

/** The port of a {@link connectableEndpoint}. */
const CONNECTABLE_PORT = 31337;

/**
 * An endpoint to connect to, and the completer that makes its attempts succeed or fail. Connections go to a protocol of
 * `server`, which listens on port 31337 of `reactor`.
 * @throws TypeError when `server` is not a factory
 */
export function connectableEndpoint(server: ServerFactoryLike = Factory.forProtocol(AccumulatingProtocol)): {
  readonly endpoint: ClientEndpoint;
  readonly completer: ConnectionCompleter;
  readonly reactor: MemoryReactorClock;
} {
  ensureFactory("connectableEndpoint(server)", server);
  const reactor = new MemoryReactorClock();
  reactor.listenTCP(CONNECTABLE_PORT, server);
  const endpoint: ClientEndpoint = {
    connect: (factory) => attempt(factory, (client) => reactor.connectTCP("127.0.0.1", CONNECTABLE_PORT, client)),
  };
  return { endpoint, completer: new ConnectionCompleter(reactor), reactor };
}
