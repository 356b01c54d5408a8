/** TLS that begins in mid-stream, and servers whose program chooses for each client. */
import { expect, test } from "vitest";
import type { ClientWish, ServerNameAnswer } from "../../src/entries/ssl.ts";
import type { ConnectionLost } from "../../src/internet/error.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { TLSTransport } from "../../src/internet/interfaces.ts";
import { ClientFactory, ServerFactory } from "../../src/internet/protocol.ts";
import { LineReceiver } from "../../src/protocols/basic/line.ts";
import { simulate } from "../../src/testing/simulation/simulation.ts";
import { Gate } from "../helpers/gate.ts";
import { type Recorder, Server } from "../helpers/recorder.ts";
import { certificateFor, clientOptions, SERVER, serverOptions } from "../helpers/tls-options.ts";
import { dialSSL, listenSSL, Secure } from "./tls-world.ts";
import { dial, PORT, type World, world } from "./world.ts";

const DONE = "ERR_CONNECTION_DONE";
const LOST = "ERR_CONNECTION_LOST";

const tls = (protocol: Recorder) => protocol.transport as TLSTransport;

class Talker extends LineReceiver {
  readonly lines: string[] = [];
  readonly codes: string[] = [];
  readonly shaken = new Gate();

  override lineReceived(line: Buffer): void {
    this.lines.push(line.toString());
  }

  handshakeCompleted(): void {
    this.shaken.open();
  }

  override connectionLost(reason: Failure): void {
    super.connectionLost(reason);
    this.codes.push((reason.value as ConnectionLost).code);
  }
}

/** Answers a line with "ready", and begins TLS. */
class Ready extends Talker {
  override lineReceived(line: Buffer): void {
    super.lineReceived(line);
    if (line.toString() !== "STARTTLS") return;
    this.sendLine("ready");
    (this.transport as TLSTransport).startTLS(serverOptions());
  }
}

/** Asks for TLS, and begins it at the answer. */
class Asking extends Talker {
  behind = "";

  override connectionMade(): void {
    this.transport.write(`STARTTLS\r\n${this.behind}`);
  }

  override lineReceived(line: Buffer): void {
    super.lineReceived(line);
    if (line.toString() === "ready") (this.transport as TLSTransport).startTLS(clientOptions());
  }
}

function startListening({ server, client }: World, asking: Asking): Ready[] {
  const built: Ready[] = [];
  const factory = new ServerFactory<Ready>();
  factory.buildProtocol = () => {
    built.push(new Ready());
    return built.at(-1)!;
  };
  server.reactor.listenTCP(PORT, factory);
  const attempt = new ClientFactory<Asking>();
  attempt.buildProtocol = () => asking;
  client.reactor.connectTCP("server", PORT, attempt);
  return built;
}

const networks = {
  "that does nothing to it": {},
  "that cuts and merges": { fragment: 0.6, coalesce: 0.6, partialWrites: 0.6, latency: 0.01 },
};

for (const [name, settings] of Object.entries(networks)) {
  test(`startTLS: what was written before is plain, what is written behind is not, over a network ${name}`, async () => {
    await simulate({ ...settings, runs: 20 }, async (sim) => {
      const w = { sim, server: sim.host("server"), client: sim.host("client") };
      const client = new Asking();
      const built = startListening(w, client);
      await sim.until(client.shaken.promise);
      client.sendLine("secret");
      client.transport.loseConnection();
      await sim.run(60);
      expect(client.lines).toEqual(["ready"]);
      expect(built[0]!.lines).toEqual(["STARTTLS", "secret"]);
      expect([client.codes, built[0]!.codes]).toEqual([[DONE], [DONE]]);
    });
  });
}

const INJECTED = "RCPT TO:<injected@example.org>\r\n";

for (const [name, inject, code] of [
  [
    "in one segment with it",
    (client: Asking) => {
      client.behind = INJECTED;
    },
    "ERR_TLS_PLAINTEXT_BEFORE",
  ],
  // TLS says of it that it is none.
  [
    "in a later one",
    (client: Asking, { sim }: World) => sim.after(0.0025, () => client.transport.write(INJECTED)),
    "ERR_TLS_NOT_TLS",
  ],
] as const) {
  test(`startTLS: plaintext behind the line that asks for it is refused, ${name}`, async () => {
    const w = world();
    const client = new Asking();
    inject(client, w);
    const built = startListening(w, client);
    await w.sim.run(60);
    expect(built[0]!.lines).toEqual(["STARTTLS"]);
    expect(built[0]!.codes).toEqual([code]);
    expect(w.sim.connections()).toEqual([]);
  });
}

test("startTLS: bytes that waited in the kernel are taken for TLS, and are none", async () => {
  const w = world();
  const factory = new Server(() => {
    const server = new Secure();
    server.onData = () => {
      server.transport.pauseProducing();
      w.server.reactor.callLater(1, () => {
        tls(server).startTLS(serverOptions());
        server.transport.resumeProducing();
      });
    };
    return server;
  });
  w.server.reactor.listenTCP(PORT, factory);
  const client = new Secure();
  client.onMade = () => {
    client.transport.write("STARTTLS\n");
    w.client.reactor.callLater(0.5, () => client.transport.write("injected\n"));
  };
  dial(w, client);
  await w.sim.run(60);
  expect(factory.built[0]!.text).toBe("STARTTLS\n");
  expect(factory.built[0]!.codes).toEqual(["ERR_TLS_NOT_TLS"]);
});

// --- servers that are asked ------------------------------------------------------------------------------------------

type Answer = ServerNameAnswer | PromiseLike<ServerNameAnswer>;

interface Asked {
  readonly w: World;
  readonly client: Secure;
  readonly server: Secure;
  readonly wishes: ClientWish[];
}

function ask(answer: (w: World) => Answer, options: { handshakeTimeout?: number; failOnError?: boolean } = {}): Asked {
  const { failOnError = true, ...rest } = options;
  const w = world({ failOnError, latency: 0.01 });
  const wishes: ClientWish[] = [];
  const onClient = (wish: ClientWish) => {
    wishes.push(wish);
    return answer(w);
  };
  const [client, server] = [new Secure(), new Secure()];
  listenSSL(w, () => server, serverOptions({ certificate: certificateFor("nobody"), onClient, ...rest }));
  dialSSL(w, client, clientOptions({ acceptableProtocols: ["a", "b"], handshakeTimeout: 50 }));
  return { w, client, server, wishes };
}

const later = ({ server }: World, seconds: number, answer: () => Answer) =>
  new Promise<ServerNameAnswer>((resolve, reject) => {
    server.reactor.callLater(seconds, () => Promise.resolve().then(answer).then(resolve, reject));
  });

test("a server that answers late has its client wait, and no other", async () => {
  const { w, client, server, wishes } = ask((at) =>
    later(at, 10, () => ({ options: serverOptions({ certificate: SERVER }), protocol: "b" })),
  );
  await w.sim.run(9);
  expect(client.calls).toEqual(["connectionMade"]);
  await w.sim.run(2);
  expect(wishes).toEqual([{ serverName: "server", protocols: ["a", "b"] }]);
  expect(tls(client).negotiatedProtocol).toBe("b");
  expect(server.calls).toEqual(["connectionMade", "handshakeCompleted"]);
});

test("a server that never answers ends at the handshake timeout", async () => {
  const { w, client, server } = ask(() => new Promise(() => {}), { handshakeTimeout: 3 });
  await w.sim.run(60);
  expect([client.codes, server.codes]).toEqual([[LOST], ["ERR_TLS_HANDSHAKE_TIMEOUT"]]);
  expect(w.sim.connections()).toEqual([]);
});

test("a client that goes while the server thinks is noticed, and the answer is of no use", async () => {
  for (const go of ["loseConnection", "abortConnection"] as const) {
    const { w, client, server } = ask((at) => later(at, 10, () => ({})));
    w.sim.after(1, () => client.transport[go]());
    await w.sim.run(5);
    expect(server.codes).toEqual([go === "loseConnection" ? "ERR_TLS_CUT_OFF" : LOST]);
    await w.sim.run(60);
    expect(server.codes).toHaveLength(1);
    expect(w.sim.connections()).toEqual([]);
  }
});

test("a connection that the program closes while it thinks is closed", async () => {
  for (const go of ["loseConnection", "abortConnection"] as const) {
    const { w, client, server } = ask((at) => later(at, 10, () => ({})));
    w.sim.after(1, () => server.transport[go]());
    await w.sim.run(60);
    expect(server.codes).toEqual([go === "loseConnection" ? DONE : "ERR_CONNECTION_ABORTED"]);
    expect(client.codes).toEqual([go === "loseConnection" ? "ERR_TLS_CUT_OFF" : LOST]);
    expect(w.sim.connections()).toEqual([]);
  }
});

const bad: Record<string, (w: World) => Answer> = {
  throws: () => {
    throw new Error("As it was told to.");
  },
  rejects: (w) => later(w, 1, () => Promise.reject(new Error("As it was told to."))),
};

for (const [name, answer] of Object.entries(bad)) {
  test(`a server whose onClient ${name} tells its client so by an alert, and logs the error`, async () => {
    const { w, client, server } = ask(answer, { failOnError: false });
    await w.sim.run(60);
    expect([client.codes, server.codes]).toEqual([["ERR_TLS_ALERT"], ["ERR_TLS_REFUSED"]]);
    expect(w.sim.errors.map(({ error }) => (error as Error).message)).toEqual(["As it was told to."]);
    expect(w.sim.connections()).toEqual([]);
  });
}

test("a client that is refused is told that its name is unrecognized", async () => {
  const { w, client, server } = ask(() => ({ options: null }));
  await w.sim.run(60);
  expect((await client.lost.promise).value).toMatchObject({ alertReceived: "unrecognized_name" });
  expect(server.codes).toEqual(["ERR_TLS_REFUSED"]);
});
