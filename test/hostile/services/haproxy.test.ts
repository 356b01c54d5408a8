/** A service behind a proxy: clients that reach its port themselves, and clients of the proxy that send no good header. */
import { describe, expect, it } from "vitest";
import { Horde, trickle } from "./attackers.ts";
import { ANSWER_MS, Honest, MEBIBYTE, Peak, Service } from "./service.ts";

const HEADER = "PROXY TCP4 198.51.100.7 192.0.2.1 1000 80\r\n";
const MEMORY_MIB = 64;
/** The connections that may wait for their headers. */
const WAITING = 256;

async function attacked(
  trusted: string,
  attack: (horde: Horde, port: number) => Promise<void>,
): Promise<{ worst: number; held: number; mebibytes: number }> {
  const service = await Service.start("echo", { listen: `haproxy:trusted=${trusted}:tcp:0` });
  const honest = new Honest(service, undefined, HEADER);
  await honest.exchanges(1);
  const rest = service.descriptors + 1;
  const memory = service.memory;
  const peak = new Peak(service);
  const horde = new Horde();
  await attack(horde, service.port);
  const worst = await honest.exchanges(5);
  const held = service.descriptors - rest;
  await horde.release();
  await service.recovered(rest);
  return { worst, held, mebibytes: (peak.stop() - memory) / MEBIBYTE };
}

describe("behind haproxy:", () => {
  it("strangers hold no connection", async () => {
    const { worst, held, mebibytes } = await attacked("127.9.9.9", async (horde, port) => {
      for (const socket of await horde.connectMany(2000, port, 1)) socket.write(HEADER);
    });
    expect.soft(worst).toBeLessThan(ANSWER_MS);
    expect.soft(held).toBeLessThanOrEqual(1);
    expect.soft(mebibytes).toBeLessThan(MEMORY_MIB);
  });

  it("clients of the proxy that send no header hold few connections", async () => {
    const { worst, held, mebibytes } = await attacked("127.0.0.0/8", async (horde, port) => {
      await horde.connectMany(900, port, 10);
    });
    expect.soft(worst).toBeLessThan(ANSWER_MS);
    expect.soft(held).toBeLessThanOrEqual(WAITING + 1);
    expect.soft(mebibytes).toBeLessThan(MEMORY_MIB);
  });

  it.each([
    ["a byte at a time", "PROXY TCP4 1.2.3.4 1.2.3.4 1 1"],
    ["garbage", "\r\n\r\n\0\r\nQUIT\n!!!!"],
    ["endless", `PROXY UNKNOWN ${"x".repeat(40)}`],
  ])("a header that is %s costs little", async (_, header) => {
    const { worst, held, mebibytes } = await attacked("127.0.0.0/8", async (horde, port) => {
      for (const socket of await horde.connectMany(200, port, 10)) trickle(socket, Buffer.from(header));
    });
    expect.soft(worst).toBeLessThan(ANSWER_MS);
    expect.soft(held).toBeLessThanOrEqual(WAITING + 1);
    expect.soft(mebibytes).toBeLessThan(MEMORY_MIB);
  });
});
