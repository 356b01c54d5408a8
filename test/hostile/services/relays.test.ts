/** Relays: clients that have them work, and go; and ways to make one connection many. */
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { loadNative } from "../../../src/native.ts";
import { addressOf, Horde, reset } from "./attackers.ts";
import { ANSWER_MS, blackHole, Honest, MEBIBYTE, relayTarget, Service, stuckTarget } from "./service.ts";

const CLIENTS = 500;
/** Those that this machine has. */
const REACTORS = [
  ...loadNative()
    .backends()
    .filter(({ unavailable }) => unavailable === "")
    .map(({ name }) => name),
  "node",
];

/** A request of SOCKS 4 to connect to this machine. */
function socksRequest(port: number, host = [127, 0, 0, 1]): Buffer {
  return Buffer.from([4, 1, port >> 8, port & 255, ...host, 0]);
}

function ended(socket: Socket): Promise<void> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once("close", () => resolve()));
}

describe("clients that ask for a target which does not answer, and go", () => {
  it.each(["reset", "close"])("socks: no attempt outlives its client, which ends with a %s", async (how) => {
    const hole = await blackHole();
    const service = await Service.start("socks", { args: ["--allow", "127.0.0.0/8"] });
    const rest = service.descriptors;
    const horde = new Horde();
    for (const socket of await horde.connectMany(CLIENTS, service.port, 10)) socket.write(socksRequest(hole));
    for (const socket of [...horde.sockets]) {
      if (how === "reset") await reset(socket);
      else socket.destroy();
    }
    await service.recovered(rest);
  });

  it("portforward: no attempt outlives its client", async () => {
    const hole = await blackHole();
    const service = await Service.start("portforward", { args: ["--to", `127.0.0.1:${hole}`] });
    const rest = service.descriptors;
    const horde = new Horde();
    await horde.connectMany(CLIENTS, service.port, 10);
    await horde.release();
    await service.recovered(rest);
  });
});

describe.each(["socks", "portforward"])("%s: clients of a target that does not read", (name) => {
  /** As many as one peer may have. */
  const AT_ONCE = 64;

  async function start(reactor?: string) {
    const target = await stuckTarget();
    const relaying = name === "socks" ? ["--allow", "127.0.0.0/8"] : ["--to", `127.0.0.1:${target}`];
    const service = await Service.start(name, { args: reactor ? [...relaying, "--reactor", reactor] : relaying });
    const horde = new Horde();
    /** All come from one address, send `length` bytes, and are reset when the service has done with them what it can. */
    const comeAndGo = async (length: number): Promise<void> => {
      const rest = service.descriptors;
      const sockets = await horde.connectMany(AT_ONCE, service.port, 1, false);
      for (const socket of sockets) {
        if (name === "socks") socket.write(socksRequest(target));
        socket.write(Buffer.alloc(length));
      }
      await service.descriptorsReach(rest + 2 * AT_ONCE);
      await service.rests();
      await horde.release();
    };
    return { service, rest: service.descriptors, comeAndGo };
  }

  it("no target outlives its client", async () => {
    const { service, rest, comeAndGo } = await start();
    for (let round = 0; round < 3; round++) {
      await comeAndGo(88 * 1024); // more than the kernel takes, and less than pauses the client
      await service.recovered(rest);
    }
  });

  // Of both, on the default reactor; of one, on each: what notices is below both. Side by side, since each waits for its
  // next probe, of which there is one in five seconds.
  const reactors = name === "socks" ? REACTORS.slice(0, 1) : REACTORS;
  it(`a client that is paused and reset is noticed: ${reactors.join(", ")}`, async () => {
    const outcomes = await Promise.allSettled(
      reactors.map(async (reactor) => {
        const { service, rest, comeAndGo } = await start(reactor);
        await comeAndGo(MEBIBYTE);
        await service.recovered(rest);
      }),
    );
    const unnoticed = outcomes.flatMap((outcome, i) =>
      outcome.status === "rejected" ? [`${reactors[i]}: ${outcome.reason}`] : [],
    );
    expect(unnoticed).toEqual([]);
  });
});

describe("socks", () => {
  it("connects nobody to its own port, whatever is allowed", async () => {
    const service = await Service.start("socks", { args: ["--allow", "0.0.0.0/0"] });
    const rest = service.descriptors;
    const horde = new Horde();
    const socket = await horde.connect(service.port, addressOf(1));
    // Each request is for the server itself, and the rest of the bytes are for the next one.
    socket.write(Buffer.concat(Array.from({ length: 300 }, () => socksRequest(service.port))));
    await ended(socket);
    expect(service.descriptors).toBeLessThanOrEqual(rest + 2);
  });

  it.each([
    ["loopback", [127, 0, 0, 1]],
    ["every address of this machine", [0, 0, 0, 0]],
    ["link-local", [169, 254, 169, 254]],
    ["private", [10, 0, 0, 1]],
    ["private", [192, 168, 1, 1]],
    ["shared", [100, 64, 0, 1]],
    ["multicast", [224, 0, 0, 1]],
    ["broadcast", [255, 255, 255, 255]],
  ])("refuses by default to connect to a %s address, %j", async (_, host) => {
    const target = await relayTarget();
    const service = await Service.start("socks");
    const horde = new Horde();
    const socket = await horde.connect(service.port, addressOf(1), false);
    const answer = new Promise<Buffer>((resolve) => socket.once("data", resolve));
    socket.write(socksRequest(target.port, host));
    expect((await answer)[1]).toBe(91);
    await ended(socket);
  });

  it("answers others while clients have slow names resolved", async () => {
    const service = await Service.start("socks");
    const honest = new Honest(service);
    await honest.exchanges(1);
    const horde = new Horde();
    for (const [i, socket] of (await horde.connectMany(100, service.port, 10)).entries()) {
      socket.write(Buffer.concat([socksRequest(80, [0, 0, 0, 1]), Buffer.from(`slow-${i}.invalid\0`)]));
    }
    expect(await honest.exchanges(5)).toBeLessThan(ANSWER_MS);
  });
});
