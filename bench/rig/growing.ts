/**
 * The process that bench/growth.ts runs: it does each structure's work with 1,000, 10,000 and 100,000 things, and prints
 * a line of JSON, a {@link Growth}, for each. Processor time of this process, the least of a few rounds.
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Figure } from "./answer.ts";
import { root } from "./root.ts";

async function entry<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(join(root, `dist/entries/${name}.js`)).href)) as T;
}

const { Deferred, DeferredList, DeferredQueue, DeferredSemaphore, race } =
  await entry<typeof import("../../src/entries/defer.ts")>("defer");
const { Clock, Cooperator } = await entry<typeof import("../../src/entries/task.ts")>("task");
const { Factory, Protocol } = await entry<typeof import("../../src/entries/protocol.ts")>("protocol");
const testing = await entry<typeof import("../../src/entries/testing.ts")>("testing");
const basic = await entry<typeof import("../../src/entries/protocols/basic.ts")>("protocols/basic");
const policies = await entry<typeof import("../../src/entries/protocols/policies.ts")>("protocols/policies");
const { EventQueue, Occurrence } = (await import(
  pathToFileURL(join(root, "dist/testing/simulation/queue.js")).href
)) as typeof import("../../src/testing/simulation/queue.ts");

/** How the work of one structure grows. */
export interface Growth {
  readonly name: string;
  /** Nanoseconds for each thing. */
  readonly rows: readonly Figure[];
  readonly exponent: number;
}

const SIZES = [1e3, 1e4, 1e5] as const;
const ROUNDS = 3;
/** An exponent above this is measured again. */
const SUSPICIOUS = 1.1;
/** These put things in order, and are to grow as sorting does. */
const SORTED = new Set(["Clock, calls", "Clock, calls within one millisecond", "simulation, plans that are cancelled"]);
/** A round of fewer milliseconds is repeated until it has so many. */
const ROUND_MS = 4;

/** Does something with `n` things; a promise is awaited. */
type Work = (n: number) => unknown;

class Nothing extends Occurrence {
  override run(): void {}
}

class Alternating extends basic.LineReceiver {
  override lineReceived(): void {
    this.setRawMode();
  }
  override rawDataReceived(data: Buffer): void {
    this.setLineMode(data.subarray(2));
  }
}

class Lines extends basic.LineReceiver {
  override lineReceived(): void {}
}

class Strings extends basic.Int32StringReceiver {
  override stringReceived(): void {}
}

/** Numbers from 0 to 1 that look random and are the same each time. */
function* fractions(): Generator<number, never> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    yield state / 0x80000000;
  }
}

function connected<P extends InstanceType<typeof Protocol>>(protocol: P): P {
  new testing.StringTransport().connect(protocol);
  return protocol;
}

const work: Readonly<Record<string, Work>> = {
  "Deferred, callbacks of one": (n) => {
    const d = new Deferred<number>();
    for (let i = 0; i < n; i++) d.addCallback((value) => value + 1);
    d.callback(0);
  },
  "DeferredList and race, members": (n) => {
    const members = Array.from({ length: n }, () => new Deferred<number>());
    new DeferredList(members);
    race(members);
    for (const member of members) member.callback(1);
  },
  "DeferredQueue, items and waiters": (n) => {
    const queue = new DeferredQueue<number>();
    for (let i = 0; i < n; i++) queue.put(i);
    for (let i = 0; i < 2 * n; i++) queue.get();
    for (let i = 0; i < n; i++) queue.put(i);
  },
  "DeferredSemaphore, waiters that cancel": (n) => {
    const semaphore = new DeferredSemaphore(1);
    const waiters = Array.from({ length: n }, () => semaphore.acquire().addErrback(() => undefined));
    for (let i = n - 1; i > 0; i -= 2) waiters[i]!.cancel();
    for (let i = 0; i < n / 2; i++) semaphore.release();
  },
  "one AbortSignal, waiters": (n) => {
    const controller = new AbortController();
    const queue = new DeferredQueue<number>();
    for (let i = 0; i < n; i++) queue.get({ signal: controller.signal }).addErrback(() => undefined);
    for (let i = 0; i < n / 2; i++) queue.put(i);
    controller.abort();
  },
  "Cooperator, tasks that end, pause and stop": (n) => {
    let tick: (() => void) | undefined;
    const cooperator = new Cooperator({
      scheduler: (next) => {
        tick = next;
        return { cancel: () => undefined };
      },
      terminationPredicateFactory: () => () => false,
    });
    const tasks = Array.from({ length: n }, () => cooperator.cooperate([1, 2][Symbol.iterator]()));
    for (let i = 0; i < n; i += 3) tasks[i]!.pause();
    for (let i = 1; i < n; i += 3) tasks[i]!.stop();
    for (let i = 0; i < n; i += 3) tasks[i]!.resume();
    tick?.();
  },
  "Clock, calls": (n) => {
    const clock = new Clock();
    const random = fractions();
    const calls = Array.from({ length: n }, () => clock.callLater(random.next().value * 1000, () => undefined));
    for (let i = 0; i < n; i += 2) calls[i]!.cancel();
    for (let i = 0; i < 1000; i++) clock.advance(1);
  },
  "Clock, calls within one millisecond": (n) => {
    const clock = new Clock();
    const random = fractions();
    for (let i = 0; i < n; i++) clock.callLater(random.next().value / 1000, () => undefined);
    for (let i = 0; i < n; i++) clock.advance(0.001 / n);
  },
  "system event triggers": (n) => {
    const reactor = new testing.Simulation().host("a").reactor;
    for (let i = 0; i < n; i++) reactor.addSystemEventTrigger("during", "growth", () => undefined);
    const others = Array.from({ length: n }, () => reactor.addSystemEventTrigger("after", "growth", () => undefined));
    for (let i = 0; i < n; i += 2) reactor.removeSystemEventTrigger(others[i]!);
    reactor.fireSystemEvent("growth");
  },
  "LineReceiver, lines of one chunk": (n) => connected(new Lines()).dataReceived(Buffer.from("x\r\n".repeat(n))),
  "LineReceiver, one line byte by byte": (n) => {
    const lines = connected(new Lines());
    lines.MAX_LENGTH = n;
    const byte = Buffer.from("x");
    for (let i = 0; i < n; i++) lines.dataReceived(byte);
  },
  "LineReceiver, raw and line mode in turns": (n) =>
    connected(new Alternating()).dataReceived(Buffer.from("a\r\nxx".repeat(n))),
  "Int32StringReceiver, strings of one chunk": (n) =>
    connected(new Strings()).dataReceived(Buffer.from("\0\0\0\x01x".repeat(n))),
  "AccumulatingProtocol, pieces": (n) => {
    const protocol = connected(new testing.AccumulatingProtocol());
    const piece = Buffer.from("piece");
    for (let i = 0; i < n; i++) protocol.dataReceived(piece);
    return protocol.data;
  },
  "StringTransport, writes": (n) => {
    const transport = new testing.StringTransport();
    for (let i = 0; i < n; i++) transport.write("piece");
    return transport.value();
  },
  "two protocols in memory, writes": (n) => {
    const { client, pump } = testing.connectedServerAndClient(testing.AccumulatingProtocol, Protocol);
    for (let i = 0; i < n; i++) client.transport.write("x");
    pump.flush();
  },
  "simulation, plans that are cancelled": (n) => {
    const queue = new EventQueue();
    const things = Array.from({ length: n }, () => new Nothing());
    for (const [i, thing] of things.entries()) queue.plan(thing, i);
    for (const thing of things) queue.plan(thing, n);
    for (let i = 0; i < n; i += 2) queue.cancel(things[i]!);
    while (queue.take(n) !== undefined);
  },
  "TimeoutFactory, connections": (n) => {
    const clock = new Clock();
    const factory = new policies.TimeoutFactory(Factory.forProtocol(Protocol), 30, clock);
    const transports = Array.from({ length: n }, () => {
      const transport = new testing.StringTransport();
      transport.connect(factory.buildProtocol(transport.getPeer())!);
      return transport;
    });
    for (const transport of transports) transport.lose();
  },
};

/** The least that putting things in order costs: n log n comparisons, and memory that is read here and there. */
const sorting: Work = (n) => {
  const random = fractions();
  const things = Array.from({ length: n }, () => ({ at: random.next().value, call: () => n }));
  let sum = 0;
  for (const { call } of things.sort((a, b) => a.at - b.at)) sum += call();
  return sum;
};

for (const [name, doWork] of Object.entries(work)) {
  const control = SORTED.has(name) ? sorting : undefined;
  let times = await measured(doWork, control);
  // What else the machine does hits one size more than the others, and only adds: where the figure is too great, each
  // size is measured again, and its least time counts.
  for (let again = 0; again < 4 && exponent(times) > SUSPICIOUS; again++) {
    const next = await measured(doWork, control);
    times = times.map((time, i) => ({
      work: Math.min(time.work, next[i]!.work),
      control: Math.min(time.control, next[i]!.control),
    }));
  }
  const rows = SIZES.map((n, i) => ({ label: `${name}: ${n}`, value: (times[i]!.work * 1e6) / n }));
  const growth: Growth = { name, rows, exponent: exponent(times) };
  console.log(JSON.stringify(growth));
}

/** Milliseconds for one size. */
interface Times {
  readonly work: number;
  /** Of what it is to grow like, in any unit. */
  readonly control: number;
}

/** For each size. Without a `control` the work is to grow as the number of things. */
async function measured(doWork: Work, control: Work | undefined): Promise<Times[]> {
  const times: Times[] = [];
  // Compile it first.
  for (let i = 0; i < 3; i++) {
    await doWork(1e4);
    control?.(1e4);
  }
  for (const n of SIZES) {
    times.push({ work: await milliseconds(doWork, n), control: control ? await milliseconds(control, n) : n });
  }
  return times;
}

/** Processor time of one call, the least of a few rounds: what else runs, and the collector, only add to it. */
async function milliseconds(doWork: Work, n: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    let calls = 0;
    let spent = 0;
    do {
      await doWork(n);
      calls++;
      const { user, system } = process.cpuUsage(before);
      spent = (user + system) / 1000;
    } while (spent < ROUND_MS);
    least = Math.min(least, spent / calls);
  }
  return least;
}

/**
 * The slope of the straight line that comes nearest to the times, on logarithmic scales: 1, and what the work grows faster
 * than its control.
 */
function exponent(times: readonly Times[]): number {
  const middle = (SIZES.length - 1) / 2;
  let above = 0;
  let below = 0;
  for (const [i, { work, control }] of times.entries()) {
    above += (i - middle) * Math.log10(work / control);
    below += (i - middle) ** 2;
  }
  return 1 + above / below;
}
