/** The trace of TLS: the same seed gives the same one, though each run has other keys, nonces and ciphertext. */
import { expect, test } from "vitest";
import type { TLSTransport } from "../../src/internet/interfaces.ts";
import { ROUGH_NETWORK, type Simulation, simulate } from "../../src/testing/simulation/simulation.ts";
import { Client, Server } from "../helpers/recorder.ts";
import { clientOptions, serverOptions } from "../helpers/tls-options.ts";
import { Secure } from "./tls-world.ts";
import { PORT } from "./world.ts";

/** Twenty clients talk over a rough network, through faults. Returns what was said, as the programs saw it. */
async function talk(sim: Simulation, lines: string[]): Promise<void> {
  const server = sim.host("server");
  server.reactor.listenSSL(
    PORT,
    new Server(() => {
      const one = new Secure();
      one.onData = (data) => one.transport.write(data.toString().toUpperCase());
      return one;
    }),
    serverOptions(),
  );
  const options = clientOptions();
  for (let i = 0; i < 20; i++) {
    const client = new Secure();
    client.onMade = () => client.transport.write(`hello ${sim.random()}`);
    client.onData = (data) => {
      lines.push(`${sim.seconds()} ${i} ${data}`);
      if (sim.random() < 0.9) client.transport.write(`${"again ".repeat(sim.random() * 3000)}${sim.random()}`);
    };
    client.onLost = ({ value }) => lines.push(`${sim.seconds()} ${i} ${(value as { code?: string }).code}`);
    const dial = () => {
      sim.host(`client ${i % 3}`).reactor.connectSSL("server", PORT, new Client(() => client), options);
    };
    // Half of them find the tickets of others.
    if (i < 10) dial();
    else sim.after(i, dial);
    client.onShaken = () =>
      lines.push(`${sim.seconds()} ${i} ${(client.transport as TLSTransport).getTLSInfo()?.resumed}`);
  }
  sim.faults({ resetEvery: 5, partitionEvery: 5, freezeEvery: 5 });
  await sim.run(60);
}

test("runs with the same seed have the same trace, and runs with different seeds differ", async () => {
  const traces: string[][] = [];
  const hashes: string[] = [];
  for (const seed of [5, 5, 6]) {
    const lines: string[] = [];
    const trace: string[] = [];
    const options = { ...ROUGH_NETWORK, seed, failOnError: false, onTrace: (line: string) => trace.push(line) };
    const [result] = await simulate(options, (sim) => talk(sim, lines));
    traces.push([...trace, ...lines]);
    hashes.push(result!.traceHash);
  }
  expect(traces[0]!.filter((line) => line.includes("established")).length).toBeGreaterThan(20);
  expect(traces[0]!.filter((line) => line.includes("sealed")).length).toBeGreaterThan(50);
  expect(traces[0]!.filter((line) => line.endsWith(" true")).length).toBeGreaterThan(5);
  expect(traces[1]).toEqual(traces[0]);
  expect(hashes[1]).toBe(hashes[0]);
  expect(hashes[2]).not.toBe(hashes[0]);
});
