/**
 * Attacks on every service of `skein serve`, with its defaults. While one lasts, an honest client is answered within a
 * second and memory and descriptors keep within bounds; when it is over, the service is back at what it held before
 * within ten seconds.
 */
import { describe, expect, it } from "vitest";
import { SERVICES } from "../../../src/cli/services.ts";
import { seeded } from "../../helpers/random.ts";
import { seed, volume } from "../../helpers/volume.ts";
import { Horde, pour, reset, trickle } from "./attackers.ts";
import { ANSWER_MS, Honest, MEBIBYTE, Peak, relayTarget, Service } from "./service.ts";

/** How many exchanges of the honest client an attack lasts. */
const EXCHANGES = volume({ gate: 5, long: 200 });
/** What 1,024 connections may take beyond what the service had, and what V8 has not collected yet. */
const MEMORY_MIB = 160;
/** The connections that one peer may have. */
const PER_PEER = 64;
/** Connections that ended before their peers did. */
const LINGERING = 1024;
const RANDOM_BYTES = 2000;

/** What makes a service answer, and what a client says before. */
interface Question {
  readonly hello?: string;
  readonly question: string | Buffer;
  /** The descriptors of one connection. Default 1. */
  readonly descriptors?: number;
}

const QUESTIONS: Readonly<Record<string, Question>> = {
  chat: { hello: "mallory\r\n", question: "/names\r\n" },
  chargen: { question: "x" },
  daytime: { question: "x" },
  discard: { question: "x" },
  echo: { question: "x" },
  portforward: { question: "x", descriptors: 2 },
  qotd: { question: "x" },
  socks: { question: Buffer.from([4, 1, 0, 80, 127, 0, 0, 1, 0]), descriptors: 2 },
  time: { question: "x" },
};

const NAMES = [...SERVICES.keys()];

it("knows a question for every service", () => {
  expect(Object.keys(QUESTIONS).sort()).toEqual([...NAMES].sort());
});

interface Attack {
  /** How many addresses it comes from. */
  readonly peers: number;
  begin(horde: Horde, port: number, asked: Question): Promise<void>;
}

const ATTACKS: Readonly<Record<string, Attack>> = {
  "a flood of connections from one peer": {
    peers: 1,
    begin: async (horde, port) => {
      await horde.connectMany(2000, port, 1);
    },
  },
  "connections that send a byte at a time": {
    peers: 8,
    begin: async (horde, port, { question }) => {
      for (const socket of await horde.connectMany(512, port, 8))
        trickle(socket, Buffer.from(question).subarray(0, -1));
    },
  },
  "questions whose answers are not read": {
    peers: 20,
    begin: async (horde, port, { hello, question }) => {
      for (const [i, socket] of (await horde.connectMany(20, port, 20, false)).entries()) {
        if (hello !== undefined) socket.write(hello.replace("\r", `${i}\r`));
        pour(socket, question);
      }
    },
  },
  "random bytes": {
    peers: 20,
    begin: async (horde, port) => {
      const random = seeded(seed());
      for (const socket of await horde.connectMany(200, port, 20)) {
        socket.write(Buffer.from(Array.from({ length: RANDOM_BYTES }, () => Math.floor(random() * 256))));
      }
    },
  },
  "resets in mid-question": {
    peers: 50,
    begin: async (horde, port, { hello = "", question }) => {
      for (let round = 0; round < 10; round++) {
        const sockets = await horde.connectMany(50, port, 50);
        await Promise.all(
          sockets.map((socket) => {
            socket.write(hello);
            socket.write(Buffer.from(question).subarray(0, -1));
            return reset(socket);
          }),
        );
      }
    },
  },
};

describe.each(NAMES)("%s", (name) => {
  const asked = QUESTIONS[name]!;

  it("withstands every attack", async () => {
    const target = await relayTarget();
    const service = await Service.start(name, {
      args: name === "portforward" ? ["--to", `127.0.0.1:${target.port}`] : [],
    });
    const honest = new Honest(service, target);
    await honest.exchanges(1);
    // The honest client's connection comes and goes.
    const rest = service.descriptors + (asked.descriptors ?? 1);
    const memory = service.memory;
    const peak = new Peak(service);
    for (const [what, { peers, begin }] of Object.entries(ATTACKS)) {
      const horde = new Horde();
      await begin(horde, service.port, asked);
      const worst = await honest.exchanges(EXCHANGES);
      expect.soft(worst, `${what}: milliseconds to the slowest answer`).toBeLessThan(ANSWER_MS);
      const most = peers * PER_PEER * (asked.descriptors ?? 1) + LINGERING;
      expect.soft(service.descriptors - rest, `${what}: descriptors`).toBeLessThanOrEqual(most);
      await horde.release();
      await service.recovered(rest);
    }
    expect.soft((peak.stop() - memory) / MEBIBYTE, "MiB of memory").toBeLessThan(MEMORY_MIB);
  });
});
