/** Relays, with the kernel's sockets: clients that read slowly, and those that ask for a destination that does not answer, and go. */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it, onTestFinished, test } from "vitest";
import type { ReactorTCP } from "../../src/internet/interfaces.ts";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { preferredBackend } from "../../src/internet/reactor/installation.ts";
import { NativeReactor } from "../../src/internet/reactor/native.ts";
import type { ReactorTime } from "../../src/internet/time.ts";
import { ProxyClient, ProxyClientFactory, ProxyFactory, ProxyServer } from "../../src/protocols/portforward.ts";
import { encodeRequest } from "../../src/protocols/socks/request.ts";
import { SOCKSv4, SOCKSv4Factory } from "../../src/protocols/socks.ts";
import { Clock } from "../../src/testing/clock.ts";
import { Gate } from "../helpers/gate.ts";
import { testReactor } from "../helpers/interop.ts";

const CLIENTS = 500;
/** No timeout ends an attempt while the test runs. */
const NEVER = 3600;

const reactor = testReactor();

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

async function descriptorsReach(count: number): Promise<void> {
  while (descriptors() !== count) for (let turns = 0; turns < 20; turns++) await setImmediate();
}

/** Listen for all clients at once: what the backlog does not hold comes seconds later. */
function listen(factory: Factory): number {
  return reactor()
    .listenTCP(0, factory, { interface: "127.0.0.1", backlog: 2 * CLIENTS })
    .getHost().port;
}

function dial(port: number, first: string | Uint8Array = ""): Socket {
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  socket.write(first);
  return socket;
}

/**
 * A port that lets connections wait for ever: the kernel drops what comes while the backlog is full, and nobody accepts.
 * @see listen(2), tcp(7)
 */
async function blackHole(): Promise<number> {
  const idle = new NativeReactor(preferredBackend());
  const port = idle.listenTCP(0, Factory.forProtocol(Protocol), { interface: "127.0.0.1", backlog: 0 });
  const fillers = Array.from({ length: 4 }, () => dial(port.getHost().port));
  onTestFinished(() => {
    for (const socket of fillers) socket.destroy();
    idle.destroy();
  });
  await new Promise((resolve) => fillers[0]!.once("connect", resolve));
  for (let turns = 0; turns < 10; turns++) await setImmediate();
  return port.getHost().port;
}

/** 500 clients come and go. Resolves once each has brought up its attempt, and all is as before. */
async function comeAndGo(port: number, first: string | Uint8Array, go: (socket: Socket) => void): Promise<void> {
  const before = descriptors();
  const clients = Array.from({ length: CLIENTS }, () => dial(port, first));
  await descriptorsReach(before + 3 * CLIENTS); // each client's, the server's of it, and that of the attempt
  for (const client of clients) go(client);
  await descriptorsReach(before);
  expect(descriptors()).toBe(before);
}

const WAYS = [
  ["FIN", (socket: Socket) => void socket.destroy()],
  ["a reset", (socket: Socket) => void socket.resetAndDestroy()],
] as const;

test("a client that reads slowly has all that the target sent before its FIN", async () => {
  const sent = Buffer.alloc(512 * 1024, "x");
  const target = createServer((socket) => socket.end(sent)).listen(0, "127.0.0.1");
  onTestFinished(() => void target.close());
  await once(target, "listening");
  const ended = new Gate();
  class Client extends ProxyClient {
    override readConnectionLost(): void {
      super.readConnectionLost();
      ended.open();
    }
  }
  class Clients extends ProxyClientFactory {
    override protocol = Client;
  }
  class Server extends ProxyServer {
    override clientProtocolFactory = Clients;
  }
  const clock = new Clock();
  const forwarding: ReactorTCP & ReactorTime = {
    listenTCP: (...args) => reactor().listenTCP(...args),
    connectTCP: (...args) => reactor().connectTCP(...args),
    seconds: () => clock.seconds(),
    callLater: (...args) => clock.callLater(...args),
    getDelayedCalls: () => clock.getDelayedCalls(),
  };
  const { port: to } = target.address() as AddressInfo;
  const factory = new ProxyFactory("127.0.0.1", to, { reactor: forwarding });
  factory.protocol = Server;
  const client = dial(listen(factory)).pause();
  onTestFinished(() => void client.destroy());
  await ended.promise;
  clock.advance(30);
  let received = 0;
  client.on("data", (data: Buffer) => {
    received += data.length;
  });
  await once(client.resume(), "close");
  expect(received).toBe(sent.length);
});

describe.runIf(process.platform === "linux")("an attempt to connect to a black hole ends with its client", () => {
  it.each(WAYS)("of a SOCKS server, which goes by %s", async (_way, go) => {
    const options = { allow: ["127.0.0.1"], connectTimeout: NEVER };
    const port = listen(new SOCKSv4Factory(reactor(), null, SOCKSv4, options));
    await comeAndGo(port, encodeRequest(1, "127.0.0.1", await blackHole(), ""), go);
  });

  it("of a port forwarder, which goes by a reset", async () => {
    const options = { reactor: reactor(), timeout: NEVER, maxWaiting: CLIENTS };
    const port = listen(new ProxyFactory("127.0.0.1", await blackHole(), options));
    await comeAndGo(port, "early", (socket) => void socket.resetAndDestroy());
  });
});
