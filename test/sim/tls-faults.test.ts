/** What a network, and a peer, may do to TLS: each loss has its reason, is told once, and leaves nothing. */
import { expect, test } from "vitest";
import { type Recorder, Server } from "../helpers/recorder.ts";
import { certificateFor, clientOptions, serverOptions } from "../helpers/tls-options.ts";
import { dialSSL, listenSSL, Secure, SecureHalf, securePair } from "./tls-world.ts";
import { dial, listen, PORT, type World, world } from "./world.ts";

const DONE = "ERR_CONNECTION_DONE";
const LOST = "ERR_CONNECTION_LOST";
const ABORTED = "ERR_CONNECTION_ABORTED";

/** A record with a ClientHello that has nothing in it: it is answered by an alert, which has 7 bytes. */
const EMPTY_HELLO = Buffer.of(22, 3, 1, 0, 4, 1, 0, 0, 0);

/** Everything has ended: only the server's port is open. */
async function nothingLeft({ sim, client, server }: World): Promise<void> {
  await sim.run(300);
  expect(sim.connections()).toEqual([]);
  expect([client, server].map(({ engine }) => engine.stats())).toMatchObject([
    { connections: 0, lingering: 0 },
    { connections: 1, lingering: 0 },
  ]);
}

/** Over a network of 10 ms: accepted at 10, connected at 20, the server's flight at 30, done at 40 and 50. */
for (const at of [15, 25, 35, 45]) {
  test(`a partition ${at} ms after the beginning of a handshake ends at the timeouts of both sides`, async () => {
    const w = world({ latency: 0.01 });
    const [client, server] = [new Secure(), new Secure()];
    listenSSL(w, () => server, serverOptions({ handshakeTimeout: 7 }));
    dialSSL(w, client, clientOptions({ handshakeTimeout: 5 }));
    w.sim.after(at / 1000, () => w.sim.partition(w.client, w.server));
    await w.sim.run(5.025);
    // At 15 ms it is not connected, and at 45 ms it is done for the client.
    expect(client.codes).toEqual(at === 15 || at === 45 ? [] : ["ERR_TLS_HANDSHAKE_TIMEOUT"]);
    expect(server.codes).toEqual([]);
    await w.sim.run(2);
    expect(server.codes).toEqual(["ERR_TLS_HANDSHAKE_TIMEOUT"]);
    w.sim.heal();
    await w.sim.run(60);
    if (at === 45) expect(client.codes).toEqual([LOST]);
    await nothingLeft(w);
  });

  test(`a reset ${at} ms after the beginning of a handshake is told to each side once`, async () => {
    const w = world({ latency: 0.01 });
    const [client, server] = [new Secure(), new Secure()];
    listenSSL(w, () => server);
    const attempt = dialSSL(w, client);
    w.sim.after(at / 1000, () => w.sim.connections()[0]!.reset());
    await w.sim.run(1);
    expect(server.codes).toEqual([LOST]);
    if (at === 15) expect(attempt.calls.at(-2)).toBe("clientConnectionFailed");
    else expect(client.codes).toEqual([LOST]);
    await nothingLeft(w);
  });
}

/** What both sides are in when the connection is reset, and by what code each is lost. */
const STATES: Record<string, (w: World, client: SecureHalf, server: SecureHalf) => void> = {
  "that is idle": () => {},
  "with bytes on their way": (_w, client, server) => {
    for (const { transport } of [client, server]) transport.write("x".repeat(200_000));
  },
  "whose server does not read": (_w, client, server) => {
    server.transport.pauseProducing();
    client.transport.write("x".repeat(200_000));
  },
  "whose client has ended": (_w, client) => client.transport.loseWriteConnection(),
  "whose server has ended": (_w, _client, server) => server.transport.loseWriteConnection(),
  "whose client closes with bytes unsent": (_w, client, server) => {
    server.transport.pauseProducing();
    client.transport.write("x".repeat(200_000));
    client.transport.loseConnection();
  },
};

for (const [state, prepare] of Object.entries(STATES)) {
  test(`a reset of a connection ${state} is told to each side once`, async () => {
    const w = world({ latency: 0.01 });
    const [client, server] = await securePair(w, new SecureHalf(), new SecureHalf());
    prepare(w, client, server);
    await w.sim.run(0.1);
    w.sim.connections()[0]!.reset();
    await w.sim.run(0.1);
    server.transport.resumeProducing();
    await w.sim.run(1);
    expect([client.codes, server.codes]).toEqual([[LOST], [LOST]]);
    await nothingLeft(w);
  });
}

for (const [kind, Kind] of Object.entries({ "closes with it": Secure, "wants to know of each half": SecureHalf })) {
  test(`a stream that ends without close_notify is truncated for a protocol that ${kind}`, async () => {
    const w = world();
    const reactor = w.server.spawn();
    void reactor.run();
    const factory = new Server(() => new Secure());
    reactor.listenSSL(PORT, factory, serverOptions());
    const client = new Kind();
    dialSSL(w, client);
    await w.sim.until(client.shaken.promise);
    await w.sim.until(factory.built[0]!.shaken.promise);
    factory.built[0]!.transport.write("half a mess");
    await w.sim.run(0.0001);
    reactor.destroy();
    await w.sim.run(60);
    expect(client.text).toBe("half a mess");
    expect(client.codes).toEqual(["ERR_TLS_TRUNCATED"]);
    expect(client.calls).not.toContain("readConnectionLost");
    expect(w.sim.connections()).toEqual([]);
  });
}

test("a peer that closes during the handshake has cut it off", async () => {
  const w = world();
  const server = new Secure();
  listenSSL(w, () => server);
  const client = dial(w);
  await w.sim.until(client.next());
  await w.sim.run(1);
  client.built[0]!.transport.loseConnection();
  await w.sim.run(60);
  expect(server.codes).toEqual(["ERR_TLS_CUT_OFF"]);
  await nothingLeft(w);
});

test("an alert arrives although bytes of the peer are unread", async () => {
  const w = world({ latency: 0.01 });
  const server = new Secure();
  listenSSL(w, () => server);
  const client = new Secure();
  client.onMade = () => {
    client.transport.write(EMPTY_HELLO);
    client.transport.write(Buffer.alloc(200_000));
  };
  dial(w, client);
  await w.sim.run(0.035);
  expect(server.codes).toEqual(["ERR_TLS_PROTOCOL"]);
  await w.sim.run(60);
  expect(Buffer.from(client.text, "latin1")[0]).toBe(21);
  expect(client.codes).toEqual([DONE]);
  await nothingLeft(w);
});

/** The bytes of an alert, of which only four are taken until the client reads: what the client gets, and by when. */
for (const [name, act, bytes] of [
  ["reads later", (client: SecureHalf) => client.transport.resumeProducing(), 7],
  [
    "has ended, and reads later",
    (client: SecureHalf, w: World) => {
      client.transport.loseWriteConnection();
      w.client.reactor.callLater(1, () => client.transport.resumeProducing());
    },
    7,
  ],
  [
    "reads too late",
    (client: SecureHalf, w: World) => w.client.reactor.callLater(30, () => client.transport.resumeProducing()),
    4,
  ],
] as const) {
  test(`an alert is sent as far as the peer takes it, to one that ${name}`, async () => {
    const w = world();
    w.sim.link(w.server, w.client, { window: 4 }, { oneWay: true });
    const server = new Secure();
    listenSSL(w, () => server);
    const client = new SecureHalf();
    client.onMade = () => {
      client.transport.pauseProducing();
      client.transport.write(EMPTY_HELLO);
    };
    client.onReadEnd = () => client.transport.loseConnection();
    dial(w, client);
    await w.sim.run(1);
    expect(server.codes).toHaveLength(1);
    act(client, w);
    await w.sim.run(60);
    expect(client.arrived.count).toBe(bytes);
    expect(client.calls).toContain("readConnectionLost");
    expect(client.codes).toEqual([DONE]);
    await nothingLeft(w);
  });
}

test("closing after close_notify, when a reset came behind it, is not clean", async () => {
  const w = world();
  const [client, server] = await securePair(w, new SecureHalf(), new SecureHalf());
  client.transport.loseWriteConnection();
  await w.sim.until(server.readEnded.promise);
  server.transport.pauseProducing();
  w.sim.connections()[0]!.reset();
  await w.sim.run(1);
  expect(server.codes).toEqual([]);
  server.transport.loseConnection();
  await w.sim.run(1);
  expect(server.codes).toEqual([LOST]);
  await nothingLeft(w);
});

test("what is no TLS is told as such", async () => {
  const w = world();
  const server = new Secure();
  listenSSL(w, () => server);
  const client = new Secure();
  client.onMade = () => client.transport.write("GET / HTTP/1.1\r\n\r\n");
  dial(w, client);
  await w.sim.run(60);
  expect([client.codes, server.codes]).toEqual([[DONE], ["ERR_TLS_NOT_TLS"]]);
  await nothingLeft(w);
});

test("a client that does not trust the server says so to it", async () => {
  const w = world();
  const server = new Secure();
  listenSSL(w, () => server, serverOptions({ certificate: certificateFor("elsewhere") }));
  const client = new Secure();
  dialSSL(w, client);
  await w.sim.run(1);
  expect(client.codes).toEqual(["ERR_TLS_CERT_WRONG_NAME"]);
  expect(server.codes).toEqual(["ERR_TLS_ALERT"]);
  await nothingLeft(w);
});

test("a lost alert is retransmitted: the failed side lingers until it has arrived", async () => {
  const w = world({ latency: 0.01 });
  const server = new Secure();
  listenSSL(w, () => server, serverOptions({ certificate: certificateFor("elsewhere") }));
  const client = new Secure();
  dialSSL(w, client);
  w.sim.after(0.035, () => w.sim.partition(w.client, w.server, { oneWay: true }));
  await w.sim.run(1);
  expect(client.codes).toEqual(["ERR_TLS_CERT_WRONG_NAME"]);
  expect(server.codes).toEqual([]);
  w.sim.heal();
  await w.sim.run(2);
  expect(server.codes).toEqual(["ERR_TLS_ALERT"]);
  await nothingLeft(w);
});

test("an abort on one side is a reset for the other", async () => {
  const w = world();
  const [client, server] = await securePair(w);
  client.transport.abortConnection();
  await w.sim.run(1);
  expect([client.codes, server.codes]).toEqual([[ABORTED], [LOST]]);
  await nothingLeft(w);
});

test("a peer that neither reads nor closes does not keep what a failed side has to say", async () => {
  const w = world();
  const server = new Secure();
  listenSSL(w, () => server);
  const client = new Secure();
  client.onMade = () => {
    client.transport.pauseProducing();
    client.transport.write("no TLS at all");
  };
  dial(w, client);
  await w.sim.run(1);
  expect(server.codes).toEqual(["ERR_TLS_NOT_TLS"]);
  expect(w.server.engine.stats()).toMatchObject({ connections: 2, lingering: 1 });
  await w.sim.run(20);
  expect(w.server.engine.stats()).toMatchObject({ connections: 1, lingering: 0 });
  client.transport.resumeProducing();
  await w.sim.run(1);
  expect(client.codes).toEqual([DONE]);
});

test("a server that has no TLS is told as such", async () => {
  const w = world();
  listen(w, () => {
    const plain: Recorder = new Secure();
    plain.onMade = () => plain.transport.write("220 mail ready\r\n");
    return plain;
  });
  const client = new Secure();
  dialSSL(w, client);
  await w.sim.run(1);
  expect(client.codes).toEqual(["ERR_TLS_NOT_TLS"]);
  await nothingLeft(w);
});
