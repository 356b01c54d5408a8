/**
 * The closing rules as a table, one row a cell: what a call does in a state, beside a producer. docs/internals.md shows
 * the same table to readers. It is run on each kind of transport.
 *
 * A producer that holds the end up (a pull producer, a push producer that is paused) shows in two columns: what is so
 * while it does, and what is so once it has let go.
 */
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Failure } from "../../src/internet/failure.ts";
import type { ListeningPort, PullProducer, PushProducer, Transport } from "../../src/internet/interfaces.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import type { Peer } from "./peer.ts";

const MIB = 1024 * 1024;

/** A connection of the kind of transport that is tested, and the other side of it. */
export interface Rig {
  readonly transport: Transport;
  /** So many bytes are more than the network and the peer take while the peer does not read. */
  readonly ballast: number;
  /** Bytes that the peer has received, which it does from read() on, and whether it has received our end. */
  readonly received: () => number;
  readonly ended: () => boolean;
  read(): void;
  /** The peer ends its side. */
  end(): void;
  /** Let what can happen go on. */
  step(): Promise<void>;
}

/** Connect `protocol`. */
export type MakeRig = (protocol: Protocol) => Promise<Rig>;

/** The rig of a port that has accepted `peer`, which does not read yet, with `protocol`; `reactor`: its name. */
export async function rigOf(protocol: Protocol, listening: ListeningPort, peer: Peer, reactor: string): Promise<Rig> {
  let ended = false;
  peer.ended.then(() => {
    ended = true;
  });
  while (!protocol.connected) await setImmediate();
  await listening.stopListening();
  return {
    transport: protocol.transport,
    // Linux lets the send buffer of a connection grow to 4 MiB, and the receive buffer hardly while nobody reads.
    ballast: reactor === "simulated" ? MIB : 6 * MIB,
    received: () => peer.arrived.count,
    ended: () => ended,
    read: () => peer.read(),
    end: () => peer.end(),
    step: () => setImmediate(),
  };
}

type State = "open" | "half-closing" | "half-closed" | "closing" | "lost";
type Beside = "nobody" | "push" | "paused push" | "pull";
type Act =
  | "nothing"
  | "write()"
  | "loseWriteConnection()"
  | "loseConnection()"
  | "abortConnection()"
  | "stopProducing()"
  | "pauseProducing() and resumeProducing()"
  | "the peer's end"
  | "the peer's end, heard"
  | "registerProducer(push)"
  | "registerProducer(pull)"
  | "unregisterProducer()";
type Outcome = "open" | "FIN" | "closed" | "aborted";

/** State, producer, what happens, what comes of it at once, and what once the producer has let go. */
export type Cell = readonly [State, Beside, Act, Outcome, Outcome?];

export const CELLS: readonly Cell[] = [
  ["open", "nobody", "write()", "open"],
  ["open", "nobody", "loseWriteConnection()", "FIN"],
  ["open", "nobody", "loseConnection()", "closed"],
  ["open", "nobody", "stopProducing()", "closed"],
  ["open", "nobody", "abortConnection()", "aborted"],
  ["open", "nobody", "the peer's end", "closed"],
  ["open", "nobody", "the peer's end, heard", "open"],
  ["open", "push", "write()", "open"],
  ["open", "push", "loseWriteConnection()", "FIN"],
  ["open", "push", "loseConnection()", "closed"],
  ["open", "push", "stopProducing()", "closed"],
  ["open", "push", "abortConnection()", "aborted"],
  ["open", "push", "the peer's end", "closed"],
  ["open", "push", "the peer's end, heard", "open"],
  ["open", "push", "unregisterProducer()", "open"],
  ["open", "paused push", "nothing", "open", "open"],
  ["open", "paused push", "loseWriteConnection()", "open", "FIN"],
  ["open", "paused push", "loseConnection()", "open", "closed"],
  ["open", "paused push", "stopProducing()", "open", "closed"],
  ["open", "paused push", "abortConnection()", "aborted"],
  ["open", "paused push", "the peer's end", "open", "closed"],
  ["open", "paused push", "the peer's end, heard", "open", "open"],
  ["open", "paused push", "unregisterProducer()", "open", "open"],
  ["open", "pull", "nothing", "open", "open"],
  ["open", "pull", "loseWriteConnection()", "open", "FIN"],
  ["open", "pull", "loseConnection()", "open", "closed"],
  ["open", "pull", "stopProducing()", "open", "closed"],
  ["open", "pull", "abortConnection()", "aborted"],
  ["open", "pull", "the peer's end", "open", "closed"],
  ["open", "pull", "the peer's end, heard", "open", "open"],
  ["half-closing", "paused push", "nothing", "open", "FIN"],
  ["half-closing", "paused push", "write()", "open", "FIN"],
  ["half-closing", "paused push", "loseWriteConnection()", "open", "FIN"],
  ["half-closing", "paused push", "loseConnection()", "open", "closed"],
  ["half-closing", "paused push", "abortConnection()", "aborted"],
  ["half-closing", "paused push", "the peer's end", "open", "closed"],
  ["half-closing", "paused push", "the peer's end, heard", "open", "closed"],
  ["half-closing", "pull", "nothing", "open", "FIN"],
  ["half-closing", "pull", "write()", "open", "FIN"],
  ["half-closing", "pull", "loseWriteConnection()", "open", "FIN"],
  ["half-closing", "pull", "loseConnection()", "open", "closed"],
  ["half-closing", "pull", "abortConnection()", "aborted"],
  ["half-closing", "pull", "the peer's end", "open", "closed"],
  ["half-closing", "pull", "the peer's end, heard", "open", "closed"],
  ["half-closed", "nobody", "write()", "FIN"],
  ["half-closed", "nobody", "loseWriteConnection()", "FIN"],
  ["half-closed", "nobody", "loseConnection()", "closed"],
  ["half-closed", "nobody", "abortConnection()", "aborted"],
  ["half-closed", "nobody", "the peer's end", "closed"],
  ["half-closed", "nobody", "the peer's end, heard", "closed"],
  ["half-closed", "nobody", "registerProducer(push)", "FIN"],
  ["half-closed", "nobody", "registerProducer(pull)", "FIN"],
  ["half-closed", "push", "write()", "FIN"],
  ["half-closed", "push", "loseConnection()", "closed"],
  ["half-closed", "push", "abortConnection()", "aborted"],
  ["half-closed", "push", "the peer's end", "closed"],
  ["half-closed", "push", "the peer's end, heard", "closed"],
  ["closing", "paused push", "nothing", "open", "closed"],
  ["closing", "paused push", "write()", "open", "closed"],
  ["closing", "paused push", "loseWriteConnection()", "open", "closed"],
  ["closing", "paused push", "loseConnection()", "open", "closed"],
  ["closing", "paused push", "abortConnection()", "aborted"],
  ["closing", "paused push", "pauseProducing() and resumeProducing()", "open", "closed"],
  ["closing", "paused push", "the peer's end, heard", "open", "closed"],
  ["closing", "paused push", "unregisterProducer()", "open", "closed"],
  ["closing", "pull", "nothing", "open", "closed"],
  ["closing", "pull", "write()", "open", "closed"],
  ["closing", "pull", "loseWriteConnection()", "open", "closed"],
  ["closing", "pull", "loseConnection()", "open", "closed"],
  ["closing", "pull", "abortConnection()", "aborted"],
  ["closing", "pull", "pauseProducing() and resumeProducing()", "open", "closed"],
  ["closing", "pull", "the peer's end, heard", "open", "closed"],
  ["lost", "nobody", "write()", "closed"],
  ["lost", "nobody", "loseWriteConnection()", "closed"],
  ["lost", "nobody", "loseConnection()", "closed"],
  ["lost", "nobody", "abortConnection()", "closed"],
  ["lost", "nobody", "pauseProducing() and resumeProducing()", "closed"],
  ["lost", "nobody", "registerProducer(push)", "closed"],
  ["lost", "nobody", "registerProducer(pull)", "closed"],
  ["lost", "nobody", "unregisterProducer()", "closed"],
];

/**
 * Test each state of the table on one kind of transport.
 * @param cells those that are tried of a state
 */
export function testClosingTable(make: MakeRig, cells: (of: readonly Cell[]) => readonly Cell[] = (all) => all): void {
  for (const state of new Set(CELLS.map(([of]) => of))) {
    test(`the closing table holds for a connection that is ${state}`, async () => {
      for (const cell of cells(CELLS.filter(([of]) => of === state))) {
        const trial = new Trial(cell[2] !== "the peer's end");
        const shown = [...(await trial.run(make, cell))];
        expect([...cell.slice(0, 3), ...shown]).toEqual([...cell]);
        trial.check(cell);
      }
    });
  }
}

/** Whether the peer is kept from reading while more is written than it takes. */
export function needsBallast([, beside]: Cell): boolean {
  return beside === "paused push";
}

const PIECE = Buffer.alloc(16 * 1024, "p");
const REST = "the rest";
/** Steps after which what has not come will not: a second or more, and 6 MiB over loopback take a few thousand steps. */
const STEPS_MAX = 1_000_000;

class Trial {
  readonly calls: string[] = [];
  readonly producer: string[] = [];
  readonly protocol: Protocol;
  #rig!: Rig;
  /** Bytes that were written and are to arrive. */
  #sent = 0;
  #label = "";
  #letGo = (): void => this.#rig.read();

  constructor(halves: boolean) {
    const { calls } = this;
    class Plain extends Protocol {
      override connectionLost({ value }: Failure): void {
        calls.push((value as Error).name);
      }
    }
    class Halves extends Plain {
      readConnectionLost(): void {
        calls.push("readConnectionLost");
      }
      writeConnectionLost(): void {
        calls.push("writeConnectionLost");
      }
    }
    this.protocol = halves ? new Halves() : new Plain();
  }

  async run(make: MakeRig, [state, beside, act, first, last]: Cell): Promise<Outcome[]> {
    this.#label = [state, beside, act].join(", ");
    this.#rig = await make(this.protocol);
    this.#write("before");
    if (state === "half-closed") await this.#halfClose();
    if (state === "lost") await this.#lose();
    this.#register(beside);
    if (last === undefined) this.#rig.read();
    if (state === "half-closing") this.#rig.transport.loseWriteConnection();
    if (state === "closing") this.#rig.transport.loseConnection();
    this.#act(act, state, last !== undefined);
    if (act === "the peer's end, heard" && state !== "closing") {
      await this.#until("readConnectionLost()", () => this.calls.includes("readConnectionLost"));
    }
    const shown = [await this.#outcome(first, last === undefined)];
    if (last === undefined) return shown;
    this.#letGo();
    this.#rig.read();
    shown.push(await this.#outcome(last, true));
    return shown;
  }

  /** What must be so beside what the table shows. */
  check([state, beside, act, first, last]: Cell): void {
    const end = last ?? first;
    const label = this.#label;
    if (end !== "aborted") expect(this.#rig.received(), `bytes (${label})`).toBe(this.#sent);
    const losses = this.calls.filter((call) => call.startsWith("Connection"));
    const loss = end === "aborted" ? ["ConnectionAborted"] : end === "closed" ? ["ConnectionDone"] : [];
    expect(losses, `losses (${label})`).toEqual(loss);
    for (const half of ["readConnectionLost", "writeConnectionLost"]) {
      expect(this.calls.filter((call) => call === half).length, `${half} (${label})`).toBeLessThanOrEqual(1);
    }
    if (act === "the peer's end, heard" && state !== "closing") expect(this.calls).toContain("readConnectionLost");
    if (state === "closing") expect(this.calls, label).not.toContain("readConnectionLost");
    const stops = this.producer.filter((call) => call === "stop").length;
    expect(stops, `stopProducing() (${label})`).toBe(this.#stopsExpected(state, beside, act, end));
    if (end === "open" || end === "FIN") this.#rig.transport.abortConnection();
  }

  #stopsExpected(state: State, beside: Beside, act: Act, end: Outcome): number {
    if (act === "registerProducer(push)") return state === "lost" ? 1 : 0;
    if (act === "registerProducer(pull)") return 1;
    if (beside === "nobody" || act === "unregisterProducer()" || end === "open" || end === "FIN") return 0;
    // A pull producer has unregistered when it was at its end.
    return beside === "pull" && end === "closed" ? 0 : 1;
  }

  async #halfClose(): Promise<void> {
    this.#rig.read();
    this.#rig.transport.loseWriteConnection();
    await this.#until("our FIN at the peer", () => this.#rig.ended() && this.#rig.received() === this.#sent);
    for (let i = 0; i < 3; i++) await this.#rig.step();
  }

  async #lose(): Promise<void> {
    this.#rig.read();
    this.#rig.transport.loseConnection();
    await this.#until("connectionLost()", () => this.calls.includes("ConnectionDone"));
  }

  #register(beside: Beside): void {
    if (beside === "nobody") return;
    const { transport } = this.#rig;
    if (beside === "pull") {
      const pull = this.#pull();
      transport.registerProducer(pull, false);
      return;
    }
    transport.registerProducer(this.#push(), true);
    if (beside === "push") return;
    this.#write(Buffer.alloc(this.#rig.ballast));
    while (!this.producer.includes("pause")) this.#write(PIECE);
  }

  #push(): PushProducer {
    return {
      pauseProducing: () => this.producer.push("pause"),
      resumeProducing: () => {
        this.producer.push("resume");
        this.#write(REST);
      },
      stopProducing: () => this.producer.push("stop"),
    };
  }

  /** Answers when it is let go: by its last piece. */
  #pull(): PullProducer {
    this.#letGo = () => {
      this.#write(REST);
      this.#rig.transport.unregisterProducer();
    };
    return {
      resumeProducing: () => this.producer.push("ask"),
      stopProducing: () => this.producer.push("stop"),
    };
  }

  #act(act: Act, state: State, held: boolean): void {
    const { transport } = this.#rig;
    switch (act) {
      case "nothing":
        break;
      case "write()":
        if (state === "lost" || state === "half-closed") transport.write("ignored");
        else this.#write("more");
        break;
      case "loseWriteConnection()":
        transport.loseWriteConnection();
        break;
      case "loseConnection()":
        transport.loseConnection();
        break;
      case "abortConnection()":
        transport.abortConnection();
        break;
      case "stopProducing()":
        transport.stopProducing();
        break;
      case "pauseProducing() and resumeProducing()":
        transport.pauseProducing();
        transport.resumeProducing();
        break;
      case "registerProducer(push)":
        transport.registerProducer(this.#push(), true);
        break;
      case "registerProducer(pull)":
        transport.registerProducer(this.#pull(), false);
        break;
      case "unregisterProducer()":
        if (held) this.#letGo = () => {};
        transport.unregisterProducer();
        break;
      default:
        this.#rig.end();
    }
  }

  #write(data: string | Buffer): void {
    this.#sent += data.length;
    this.#rig.transport.write(data);
  }

  /** Wait for `expected`, and for all bytes if it is the `last`, and tell what came. Where nothing is to come, a while passes. */
  async #outcome(expected: Outcome, last: boolean): Promise<Outcome> {
    const rig = this.#rig;
    if (expected === "closed" || expected === "aborted") {
      await this.#until("connectionLost()", () => this.calls.some((call) => call.startsWith("Connection")));
    } else if (expected === "FIN") {
      await this.#until("our FIN at the peer", () => rig.ended());
    }
    if (last && expected !== "aborted") {
      await this.#until(`${this.#sent} bytes at the peer`, () => rig.received() >= this.#sent);
    }
    for (let i = 0; i < 10; i++) await rig.step();
    if (this.calls.includes("ConnectionAborted")) return "aborted";
    if (this.calls.includes("ConnectionDone")) return "closed";
    return rig.ended() ? "FIN" : "open";
  }

  /** Step until `holds`. @throws Error that says what did not come */
  async #until(what: string, holds: () => boolean): Promise<void> {
    for (let steps = 0; !holds(); steps++) {
      if (steps === STEPS_MAX) {
        const seen = `the protocol was told ${JSON.stringify(this.calls)}, the peer has ${this.#rig.received()} bytes`;
        throw new Error(`${what} did not come in ${STEPS_MAX} steps: ${this.#label}; ${seen}.`);
      }
      await this.#rig.step();
    }
  }
}
