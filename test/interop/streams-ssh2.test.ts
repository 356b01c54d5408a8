/** The ssh2 library, client and server, over the reactor's connections. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import ssh2, { type Channel, type ClientChannel, type Connection } from "ssh2";
import { expect, test } from "vitest";
import { fromDuplex, type SocketDuplex } from "../../src/entries/streams.ts";
import { ConnectionDone } from "../../src/internet/error.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { Echo } from "../../src/protocols/wire.ts";
import { closed, dialDuplex, serveDuplex } from "../helpers/duplexes.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { freePort } from "../helpers/freeport.ts";
import { Gate } from "../helpers/gate.ts";
import { forEachRealReactor } from "../helpers/reactors.ts";
import { FlowRecorder } from "../helpers/recorder.ts";

const MIB = 1024 * 1024;
const { private: hostKey } = ssh2.utils.generateKeyPairSync("ed25519");

interface Session {
  readonly client: ssh2.Client;
  readonly sockets: readonly [client: SocketDuplex, server: SocketDuplex];
}

/** A client that is logged in to a server whose channels are given to `run` with the command asked for. */
async function logIn(reactor: EngineReactor, run: (channel: Channel, command: string) => void): Promise<Session> {
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection: Connection) => {
    connection.on("error", () => {});
    connection.on("authentication", (context) => {
      if (context.method === "password" && context.password === "secret") context.accept();
      else context.reject(["password"]);
    });
    connection.on("session", (accept) => {
      accept().on("exec", (acceptExec, _reject, { command }) => run(acceptExec(), command));
    });
  });
  const accepted = new Gate<SocketDuplex>();
  const port = serveDuplex(reactor, (duplex) => {
    accepted.open(duplex);
    server.injectSocket(duplex as never);
  });
  const sock = dialDuplex(reactor, port);
  const client = new ssh2.Client();
  client.connect({ sock, username: "me", password: "secret" });
  await once(client, "ready");
  return { client, sockets: [sock, await accepted.promise] };
}

function exec(client: ssh2.Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => (error === undefined ? resolve(channel) : reject(error)));
  });
}

async function leave({ client, sockets }: Session): Promise<void> {
  client.end();
  await Promise.all(sockets.map(closed));
}

forEachRealReactor((make) => {
  test("a command's output comes back, and the connection ends cleanly on both sides", async () => {
    const session = await logIn(make(), (channel, command) => {
      channel.write(`you said: ${command}`);
      channel.exit(3);
      channel.end();
    });
    const channel = await exec(session.client, "hello");
    const closing = once(channel, "close");
    expect(await text(channel)).toBe("you said: hello");
    expect((await closing)[0]).toBe(3);
    await leave(session);
  });

  test("16 MiB go through a channel and back, followed by a half-close", async () => {
    const session = await logIn(make(), (channel) => channel.pipe(channel as unknown as Duplex));
    const channel = await exec(session.client, "cat");
    channel.end(flow(16 * MIB));
    const check = new FlowCheck();
    check.take(await buffer(channel));
    expect([check.at, check.firstWrong]).toEqual([16 * MIB, -1]);
    await leave(session);
  });

  test("protocols over the two ends of a channel echo 4 MiB, and close cleanly", async () => {
    const session = await logIn(make(), (channel) => {
      fromDuplex(channel as unknown as Duplex, new Echo());
    });
    const channel = await exec(session.client, "echo");
    const recorder = new FlowRecorder();
    const transport = fromDuplex(channel, recorder);
    for (let at = 0; at < 4 * MIB; at += MIB) transport.write(flow(MIB, at));
    await recorder.arrived.reaches(4 * MIB);
    transport.loseConnection();
    expect(await recorder.lossError()).toBeInstanceOf(ConnectionDone);
    expect([recorder.check.at, recorder.check.firstWrong]).toEqual([4 * MIB, -1]);
    await leave(session);
  });

  test("a reset is ECONNRESET, a refused connection ECONNREFUSED", async () => {
    const reactor = make();
    const session = await logIn(reactor, () => {});
    const failed = once(session.client, "error").catch((error) => [error]);
    session.sockets[1].resetAndDestroy();
    expect((await failed)[0]).toMatchObject({ code: "ECONNRESET" });
    const refused = new ssh2.Client();
    refused.connect({ sock: dialDuplex(reactor, await freePort()), username: "me" });
    await expect(once(refused, "ready")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
