/** Two hosts, and connections between them. */

import type { ConnectTCPOptions } from "../../src/internet/interfaces.ts";
import { type SimulatedHost, Simulation, type SimulationOptions } from "../../src/testing/simulation/simulation.ts";
import { Client, Recorder, Server } from "../helpers/recorder.ts";

export const PORT = 1000;

export interface World {
  readonly sim: Simulation;
  readonly server: SimulatedHost;
  readonly client: SimulatedHost;
}

export function world(options: SimulationOptions = {}): World {
  const sim = new Simulation(options);
  return { sim, server: sim.host("server"), client: sim.host("client") };
}

/** Have the server listen, and keep its protocols. */
export function listen<P extends Recorder>({ server }: World, build: () => P): Server<P> {
  const factory = new Server(build);
  server.reactor.listenTCP(PORT, factory);
  return factory;
}

/** Have the client begin to connect. */
export function dial(
  { client }: World,
  protocol: Recorder = new Recorder(),
  options: ConnectTCPOptions = {},
): Client<Recorder> {
  const factory = new Client(() => protocol);
  client.reactor.connectTCP("server", PORT, factory, options);
  return factory;
}

/** Two protocols that are connected: the client's, and the server's. */
export async function pair<C extends Recorder, S extends Recorder>(
  world: World,
  client: C,
  server: S,
): Promise<[C, S]> {
  listen(world, () => server);
  dial(world, client);
  await world.sim.until(Promise.all([client.made.promise, server.made.promise]));
  return [client, server];
}
