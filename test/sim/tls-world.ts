/** Two hosts, and connections with TLS between them. */
import type { ContextFactory } from "../../src/entries/ssl.ts";
import type { ConnectionLost } from "../../src/internet/error.ts";
import type { Failure } from "../../src/internet/failure.ts";
import { Gate } from "../helpers/gate.ts";
import { Client, HalfRecorder, Recorder, Server } from "../helpers/recorder.ts";
import { clientOptions, serverOptions } from "../helpers/tls-options.ts";
import { PORT, type World } from "./world.ts";

/** Notes when the handshake is done, and by which code the connection was lost. */
export class Secure extends Recorder {
  readonly shaken = new Gate();
  onShaken: () => void = () => {};
  readonly codes: string[] = [];

  override connectionLost(reason: Failure): void {
    this.codes.push((reason.value as ConnectionLost).code);
    super.connectionLost(reason);
  }

  handshakeCompleted(): void {
    this.calls.push("handshakeCompleted");
    this.shaken.open();
    this.onShaken();
  }
}

/** Wants to know of each half, too. */
export class SecureHalf extends HalfRecorder {
  readonly shaken = new Gate();
  readonly codes: string[] = [];

  override connectionLost(reason: Failure): void {
    this.codes.push((reason.value as ConnectionLost).code);
    super.connectionLost(reason);
  }

  handshakeCompleted(): void {
    this.calls.push("handshakeCompleted");
    this.shaken.open();
  }
}

/** Have the server listen for TLS, and keep its protocols. */
export function listenSSL<P extends Recorder>(
  { server }: World,
  build: () => P,
  options: ContextFactory = serverOptions(),
): Server<P> {
  const factory = new Server(build);
  server.reactor.listenSSL(PORT, factory, options);
  return factory;
}

/** Have the client begin to connect with TLS. */
export function dialSSL<P extends Recorder>(
  { client }: World,
  protocol: P,
  options: ContextFactory = clientOptions(),
): Client<P> {
  const factory = new Client(() => protocol);
  client.reactor.connectSSL("server", PORT, factory, options);
  return factory;
}

/** Two protocols whose handshake is done: the client's, and the server's. */
export async function securePair<C extends Secure | SecureHalf, S extends Secure | SecureHalf>(
  world: World,
  client: C = new Secure() as C,
  server: S = new Secure() as S,
): Promise<[C, S]> {
  listenSSL(world, () => server);
  dialSSL(world, client);
  await world.sim.until(Promise.all([client.shaken.promise, server.shaken.promise]));
  return [client, server];
}
