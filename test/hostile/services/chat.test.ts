/**
 * Rooms full of members: with a few clients that ask who is there and never read, and with members who all speak; and a
 * client that connects anew when it has said as much as it may.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { addressOf, Horde, pour } from "./attackers.ts";
import { ANSWER_MS, Honest, MEBIBYTE, Peak, Service } from "./service.ts";

const SPEAKERS = 400;
const SPEAKING_PEERS = 7;
const SECOND_MS = 1000;
/** Bytes that the members have received when the attack is under way. */
const HEARD = 16 * MEBIBYTE;
const MEMBERS = 900;
const PEERS = 18;
const ASKING = 10;
const MEMORY_MIB = 128;
const RECONNECTIONS = 100;
/** More than the burst of a client, and as many that are dropped: then the service closes. */
const LINES = "x\n".repeat(100);

/** A chat with an honest client, and what is expected while it is attacked and afterwards. */
async function room() {
  const service = await Service.start("chat");
  const honest = new Honest(service);
  await honest.exchanges(1);
  const rest = service.descriptors + 1;
  const memory = service.memory;
  const peak = new Peak(service);
  const horde = new Horde();
  return {
    service,
    horde,
    withstands: async () => {
      expect.soft(await honest.exchanges(5), "milliseconds to the slowest answer").toBeLessThan(ANSWER_MS);
      expect.soft((peak.stop() - memory) / MEBIBYTE, "MiB of memory").toBeLessThan(MEMORY_MIB);
    },
    recovers: async () => {
      await horde.release();
      await service.recovered(rest);
    },
  };
}

it("the names of a full room are told for as little as they are asked for", async () => {
  const { service, horde, withstands, recovers } = await room();
  const members = await horde.connectMany(MEMBERS, service.port, PEERS);
  for (const [i, member] of members.entries()) member.write(`${"m".repeat(20)}${String(i).padStart(4, "0")}\r\n`);
  const asking = await Promise.all(
    Array.from({ length: ASKING }, (_, i) => horde.connect(service.port, addressOf(1000 + i), false)),
  );
  for (const [i, socket] of asking.entries()) {
    socket.write(`mallory${i}\r\n`);
    pour(socket, "/names\n");
  }
  await withstands();
  await recovers();
});

it("many members who say as much as each of them may leave room for others", async () => {
  const { service, horde, withstands, recovers } = await room();
  const speakers = await horde.connectMany(SPEAKERS, service.port, SPEAKING_PEERS);
  for (const [i, speaker] of speakers.entries()) speaker.write(`speaker${i}\r\n`);
  const lines = `${"y".repeat(1000)}\n`.repeat(5);
  const speak = () => {
    for (const speaker of speakers) if (speaker.writableLength === 0) speaker.write(lines);
  };
  speak();
  const speaking = setInterval(speak, SECOND_MS);
  onTestFinished(() => clearInterval(speaking));
  while (horde.received < HEARD) await sleep(1);
  await withstands();
  clearInterval(speaking);
  await recovers();
});

it("a client that connects anew gets no more lines to the others than one that stays", async () => {
  const service = await Service.start("chat");
  const horde = new Horde();
  const member = await horde.connect(service.port, addressOf(1));
  let text = "";
  member.on("data", (data) => (text += String(data)));
  const hears = async (words: string) => {
    while (!text.includes(words)) await once(member, "data");
  };
  member.write("member\n");
  await hears("Hello, member");
  const began = performance.now();
  for (let i = 0; i < RECONNECTIONS; i++) {
    const mallory = await horde.connect(service.port, addressOf(2));
    const closed = new Promise((resolve) => mallory.once("close", resolve));
    mallory.write(`mallory${i}\n${LINES}`);
    await closed;
  }
  const other = await horde.connect(service.port, addressOf(3));
  other.write("other\ndone\n");
  await hears("<other> done");
  const seconds = (performance.now() - began) / SECOND_MS;
  const lines = text.split("\n").filter((line) => /mallory/.test(line)).length;
  // 160 at once, 20 a second, and one more for the last who leaves.
  expect(lines).toBeLessThanOrEqual(160 + 20 * seconds + 1);
});
