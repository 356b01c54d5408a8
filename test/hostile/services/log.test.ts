/** Clients that make a service log as much as they can, while nobody reads its log, or has closed it. */
import { describe, expect, it } from "vitest";
import { volume } from "../../helpers/volume.ts";
import { addressOf, Horde } from "./attackers.ts";
import { ANSWER_MS, type Errors, Honest, MEBIBYTE, Peak, Service } from "./service.ts";

/** How many bad headers are sent. */
const HEADERS = volume({ gate: 5000, long: 120_000 });
const AT_A_TIME = 50;
const MEMORY_MIB = 64;

describe.each<Errors>(["read", "unread", "gone"])("standard error is %s", (errors) => {
  it("a flood of bad requests neither ends nor bloats a service", async () => {
    const service = await Service.start("socks", { errors });
    const honest = new Honest(service);
    await honest.exchanges(1);
    const rest = service.descriptors + 1;
    const memory = service.memory;
    const peak = new Peak(service);
    const horde = new Horde();
    const bad = Buffer.concat([
      Buffer.from([4, 1, 0, 80, 0, 0, 0, 1]),
      Buffer.from(`${"u".repeat(200)}\0${"\x1b[2J".repeat(60)}\0`),
    ]);
    const client = async (n: number): Promise<void> => {
      for (let sent = 0; sent < HEADERS / AT_A_TIME; sent++) {
        const socket = await horde.connect(service.port, addressOf(n));
        if (!socket.destroyed) {
          const closed = new Promise((resolve) => socket.once("close", resolve));
          socket.end(bad);
          await closed;
        }
      }
    };
    const flood = Promise.all(Array.from({ length: AT_A_TIME }, (_, n) => client(n)));
    expect.soft(await honest.exchanges(5), "milliseconds to the slowest answer").toBeLessThan(ANSWER_MS);
    await flood;
    expect.soft(await honest.exchanges(1), "milliseconds to the answer afterwards").toBeLessThan(ANSWER_MS);
    expect.soft((peak.stop() - memory) / MEBIBYTE, "MiB of memory").toBeLessThan(MEMORY_MIB);
    expect(service.running).toBe(true);
    if (errors === "read") expect(service.errors, "the log").toMatch(/CONNECT .*: rejected/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
    expect(service.errors).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
    await horde.release();
    await service.recovered(rest);
  });
});
