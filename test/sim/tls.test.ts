/** TLS over the simulated network: what arrives, and when. */
import { expect, test } from "vitest";
import { ConnectionDone } from "../../src/internet/error.ts";
import type { TLSTransport } from "../../src/internet/interfaces.ts";
import { simulate } from "../../src/testing/simulation/simulation.ts";
import { flow } from "../helpers/flow.ts";
import { FlowRecorder, type Recorder } from "../helpers/recorder.ts";
import { clientOptions, SERVER, serverOptions } from "../helpers/tls-options.ts";
import { dialSSL, listenSSL, Secure, SecureHalf, securePair } from "./tls-world.ts";
import { type World, world } from "./world.ts";

const KIB = 1024;

const secured = ({ transport }: Recorder): TLSTransport => transport as TLSTransport;

test("both sides are told of the handshake, and agree in what was negotiated", async () => {
  const w = world({ latency: 0.25 });
  const options = { acceptableProtocols: ["echo/2", "echo/1"] };
  const server = new Secure();
  listenSSL(w, () => server, serverOptions(options));
  const client = new Secure();
  dialSSL(w, client, clientOptions({ acceptableProtocols: ["echo/1"] }));
  await w.sim.until(Promise.all([client.shaken.promise, server.shaken.promise]));
  // One round trip to connect, one and a half for the handshake of TLS 1.3.
  expect(w.sim.seconds()).toBe(1.25);
  expect(secured(client).getTLSInfo()).toEqual(secured(server).getTLSInfo());
  expect(secured(client).getTLSInfo()).toMatchObject({ version: "TLSv1.3", serverName: "server", resumed: false });
  expect(secured(server).negotiatedProtocol).toBe("echo/1");
  expect(secured(client).getPeerCertificateChain()).toEqual([SERVER.dump()]);
  const keys = [client, server].map((each) => secured(each).exportKeyingMaterial(32, "EXPORTER-test"));
  expect(keys[0]).toEqual(keys[1]);
  expect(keys[0]).toHaveLength(32);
  expect(client.calls).toEqual(["connectionMade", "handshakeCompleted"]);
});

test("what is written before the handshake is done is sent after it, and closing waits for that", async () => {
  const w = world();
  const server = new Secure();
  listenSSL(w, () => server);
  const client = new Secure();
  client.onMade = () => {
    client.transport.write("first");
    client.transport.loseConnection();
  };
  dialSSL(w, client);
  expect(await w.sim.until(server.lossError())).toBeInstanceOf(ConnectionDone);
  expect(await w.sim.until(client.lossError())).toBeInstanceOf(ConnectionDone);
  expect(server.text).toBe("first");
  expect(server.calls).toEqual(["connectionMade", "handshakeCompleted", "dataReceived", "connectionLost"]);
});

const networks = {
  "with loss and jitter": { loss: 0.2, jitter: 0.1 },
  "that fragments, coalesces and sends partially": { fragment: 0.7, coalesce: 0.5, partialWrites: 0.5 },
  "with a window of one byte": { window: 1, latency: 1e-5 },
};

for (const [name, settings] of Object.entries(networks)) {
  test(`a handshake and a stream of both directions survive a network ${name}`, async () => {
    await simulate({ ...settings, runs: 5 }, async (sim) => {
      const w: World = { sim, server: sim.host("server"), client: sim.host("client") };
      const size = settings === networks["with a window of one byte"] ? 5 * KIB : 300 * KIB;
      const server = new FlowRecorder();
      const client = new FlowRecorder();
      for (const each of [server, client]) {
        each.onMade = () => {
          for (let at = 0; at < size; at += KIB) each.transport.write(flow(KIB, at));
        };
      }
      listenSSL(w, () => server);
      dialSSL(w, client);
      await sim.until(Promise.all([client.arrived.reaches(size), server.arrived.reaches(size)]));
      server.transport.loseConnection();
      expect(await sim.until(client.lossError())).toBeInstanceOf(ConnectionDone);
      expect([client.check, server.check]).toMatchObject([
        { at: size, firstWrong: -1 },
        { at: size, firstWrong: -1 },
      ]);
    });
  });
}

test("the writes of one turn are one record", async () => {
  const w = world();
  const [client, server] = await securePair(w);
  const before = w.sim.latest(1000).length;
  for (const part of ["to", "ge", "th", "er"]) client.transport.write(part);
  await w.sim.until(server.arrived.reaches(8));
  const lines = w.sim.latest(w.sim.latest(1000).length - before);
  expect(lines.filter((line) => line.includes("sealed"))).toEqual([
    expect.stringMatching(/sealed #0 8 bytes, 1 records so far$/),
  ]);
});

test("the handshake goes on while a protocol does not read, which gets its bytes when it resumes", async () => {
  const w = world();
  const server = new Secure();
  server.onMade = () => server.transport.pauseProducing();
  listenSSL(w, () => server);
  const client = new Secure();
  dialSSL(w, client);
  await w.sim.until(Promise.all([client.shaken.promise, server.shaken.promise]));
  client.transport.write("hello");
  client.transport.loseConnection();
  await w.sim.run(1);
  expect(server.calls).toEqual(["connectionMade", "handshakeCompleted"]);
  server.transport.resumeProducing();
  expect(await w.sim.until(server.lossError())).toBeInstanceOf(ConnectionDone);
  expect(server.text).toBe("hello");
});

test("a protocol that pauses in each call gets every byte once, however the arena is filled", async () => {
  const w = world({ window: 1024 * KIB });
  const server = new FlowRecorder();
  let turns = 0;
  server.onData = () => {
    server.transport.pauseProducing();
    turns++;
    w.server.reactor.callLater(0.01, () => server.transport.resumeProducing());
  };
  listenSSL(w, () => server);
  const client = new Secure();
  dialSSL(w, client);
  await w.sim.until(client.shaken.promise);
  client.transport.write(flow(500 * KIB));
  client.transport.loseConnection();
  expect(await w.sim.until(server.lossError())).toBeInstanceOf(ConnectionDone);
  expect(server.check).toMatchObject({ at: 500 * KIB, firstWrong: -1 });
  expect(turns).toBeGreaterThan(10);
});

test("a peer that does not read fills the window, and pauses the producer", async () => {
  const w = world();
  const [client, server] = await securePair(w);
  server.transport.pauseProducing();
  let written = 0;
  let waiting = false;
  const more = () => {
    waiting = false;
    while (!waiting && written < 1024 * KIB) {
      client.transport.write(flow(8 * KIB, written));
      written += 8 * KIB;
    }
    if (written >= 1024 * KIB) client.transport.unregisterProducer();
  };
  client.transport.registerProducer(
    { pauseProducing: () => (waiting = true), resumeProducing: more, stopProducing() {} },
    true,
  );
  more();
  await w.sim.run(10);
  expect(written).toBeLessThan(400 * KIB);
  server.transport.resumeProducing();
  await w.sim.until(server.arrived.reaches(1024 * KIB));
  expect(Buffer.from(server.text).equals(Buffer.from(flow(1024 * KIB).toString()))).toBe(true);
});

test("each side ends by itself", async () => {
  const w = world();
  const [client, server] = await securePair(w, new SecureHalf(), new SecureHalf());
  client.transport.write("question");
  client.transport.loseWriteConnection();
  await w.sim.until(Promise.all([client.writeEnded.promise, server.readEnded.promise]));
  expect(server.text).toBe("question");
  server.transport.write("answer");
  server.transport.loseConnection();
  expect(await w.sim.until(client.lossError())).toBeInstanceOf(ConnectionDone);
  expect(await w.sim.until(server.lossError())).toBeInstanceOf(ConnectionDone);
  expect(client.text).toBe("answer");
});

test("sessions are resumed, by tickets of the same length in each run", async () => {
  const runs: string[][] = [];
  for (let run = 0; run < 10; run++) {
    const w = world();
    listenSSL(w, () => new Secure());
    const options = clientOptions();
    const resumed: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const client = new Secure();
      dialSSL(w, client, options);
      await w.sim.until(client.shaken.promise);
      await w.sim.run(1);
      resumed.push(secured(client).getTLSInfo()?.resumed);
      client.transport.loseConnection();
      await w.sim.run(1);
    }
    expect(resumed).toEqual([false, true, true, true]);
    runs.push(w.sim.latest(1000));
  }
  expect(runs[0]!.filter((line) => line.includes("session"))).not.toEqual([]);
  for (const run of runs) expect(run).toEqual(runs[0]);
});
