/** Relays whose clients ask for a destination that does not answer, and go: with the kernel's sockets. */
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { preferredBackend } from "../../src/internet/reactor/installation.ts";
import { NativeReactor } from "../../src/internet/reactor/native.ts";
import { ProxyFactory } from "../../src/protocols/portforward.ts";
import { encodeRequest } from "../../src/protocols/socks/request.ts";
import { SOCKSv4, SOCKSv4Factory } from "../../src/protocols/socks.ts";
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
