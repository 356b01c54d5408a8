/** A server that has fewer descriptors than there are clients. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Queue, Tally } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";

const DESCRIPTORS = 64;
const CLIENTS = 200;
/** A server out of descriptors looks by itself so often in a second. */
const LOOKS = 10;

/** How Node is started: where this process runs in an emulator, through that. */
const NODE = process.env.SKEIN_NODE?.split(" ") ?? [process.execPath];

/** The fixture, under a limit of open files. */
class Starved {
  readonly port = new Queue<number>();
  readonly turns = new Queue<number>();
  readonly log: string[] = [];
  /** What is in `log`, too. */
  readonly logged = new Queue<string>();
  readonly #child: ChildProcessWithoutNullStreams;

  constructor(backend: string, driver: string) {
    const script = fileURLToPath(new URL("fixtures/starved.mjs", import.meta.url));
    const limited = `ulimit -n ${DESCRIPTORS} && exec "$0" "$@"`;
    this.#child = spawn("sh", ["-c", limited, ...NODE, script, backend, driver]);
    onTestFinished(() => void this.#child.kill("SIGKILL"));
    this.#child.stderr.on("data", (text) => this.log.push(`stderr: ${text}`));
    createInterface(this.#child.stdout).on("line", (line) => {
      const { port, turns, logged } = JSON.parse(line) as { port?: number; turns?: number; logged?: string };
      if (port !== undefined) this.port.put(port);
      if (turns !== undefined) this.turns.put(turns);
      if (logged !== undefined) {
        this.log.push(logged);
        this.logged.put(logged);
      }
    });
  }

  /** Turns of Node's loop per second, over one second: tens of thousands when it looks without a pause. */
  turnsInASecond(): Promise<number> {
    this.#child.stdin.write("?");
    return this.turns.next();
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    await once(this.#child, "close");
  }
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

forEachReactor((_make, { reactor, driver }) => {
  test("a server out of descriptors logs it once, waits without polling, and accepts when one is free", async () => {
    const server = new Starved(reactor, driver);
    const port = await server.port.next();
    const answered = new Tally();
    const served = new Queue<Peer>();
    const connect = async () => {
      const peer = await Peer.connect(port);
      peer.socket.once("data", () => {
        answered.add();
        served.put(peer);
      });
      peer.write("hello");
    };
    for (let i = 0; i < CLIENTS; i++) await connect();
    await answered.reaches(10);
    expect(await server.turnsInASecond()).toBeLessThan(10 * LOOKS);
    const few = answered.count;
    expect(few).toBeLessThan(DESCRIPTORS);
    const open: Peer[] = [];
    while (open.length < few) open.push(await served.next());
    const leaves = async () => {
      await open.shift()!.close();
      open.push(await served.next());
    };
    const waits: number[] = [];
    for (let i = few; i < CLIENTS; i++) waits.push(await secondsOf(leaves));
    // What the same takes on this machine while the server has descriptors.
    for (const peer of open.splice(1)) await peer.close();
    const usual: number[] = [];
    for (let i = 0; i < 20; i++) {
      usual.push(
        await secondsOf(async () => {
          await connect();
          await leaves();
        }),
      );
    }
    // Each that leaves lets another one in, at once and not only when the server looks again by itself.
    expect(median(waits)).toBeLessThan(Math.max(0.5 / LOOKS, 5 * median(usual)));
    for (const peer of open) await peer.close();
    expect(answered.count).toBe(CLIENTS + usual.length);
    await server.stop();
    expect(server.log).toEqual([expect.stringMatching(/cannot accept.*EMFILE.*ulimit -n/), "stopped"]);
  });

  test("of shortages that follow each other one is logged, and none is left behind for who comes later", async () => {
    const server = new Starved(reactor, driver);
    const port = await server.port.next();
    for (let shortage = 0; shortage < 3; shortage++) {
      const peers: Peer[] = [];
      while (peers.length < CLIENTS) peers.push(await Peer.connect(port));
      // Where the machine is busy the server may not have accepted so many yet. Of the next ones nothing is logged.
      if (shortage === 0) await server.logged.next();
      for (const peer of peers) peer.end("hello");
      for (const peer of peers) await peer.closed;
    }
    const late = await Peer.connect(port);
    late.write("bye");
    expect(await late.rest()).toBe("bye");
    // The server has closed, and discards what its peer goes on to send. A reset would end this with an error.
    for (let i = 0; i < 10; i++) await new Promise((sent) => late.socket.write("and more", sent));
    late.end();
    expect(await late.closed).toBe("");
    await server.stop();
    expect(server.log).toEqual([expect.stringMatching(/cannot accept.*EMFILE/), "stopped"]);
  });
});
