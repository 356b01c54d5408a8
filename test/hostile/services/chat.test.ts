/** Many members with long names, and a few clients that ask who is there as fast as they can, and never read. */
import { expect, it } from "vitest";
import { addressOf, Horde, pour } from "./attackers.ts";
import { ANSWER_MS, Honest, MEBIBYTE, Peak, Service } from "./service.ts";

const MEMBERS = 900;
const PEERS = 18;
const ASKING = 10;
const MEMORY_MIB = 128;

it("the names of a full room are told for as little as they are asked for", async () => {
  const service = await Service.start("chat");
  const honest = new Honest(service);
  await honest.exchanges(1);
  const rest = service.descriptors + 1;
  const memory = service.memory;
  const peak = new Peak(service);
  const horde = new Horde();
  const members = await horde.connectMany(MEMBERS, service.port, PEERS);
  for (const [i, member] of members.entries()) member.write(`${"m".repeat(20)}${String(i).padStart(4, "0")}\r\n`);
  const asking = await Promise.all(
    Array.from({ length: ASKING }, (_, i) => horde.connect(service.port, addressOf(1000 + i), false)),
  );
  for (const [i, socket] of asking.entries()) {
    socket.write(`mallory${i}\r\n`);
    pour(socket, "/names\n");
  }
  expect.soft(await honest.exchanges(5), "milliseconds to the slowest answer").toBeLessThan(ANSWER_MS);
  expect.soft((peak.stop() - memory) / MEBIBYTE, "MiB of memory").toBeLessThan(MEMORY_MIB);
  await horde.release();
  await service.recovered(rest);
});
