/**
 * Programs on a simulated network, in virtual time, from one seed: the same seed gives the same run, byte for byte.
 *
 *     Simulation ── queue of all planned events, by (time, sequence)
 *        │
 *        ├─ SimulatedHost ── SimulatedReactor: TcpPort, TcpConnector, TcpConnection, timers, all as in production
 *        │                        │ EngineLink
 *        │                   SimulatedEngine ── End ══ Pipe ══▶ End ── SimulatedEngine …
 *        └─ Faults                                     Link: latency, bandwidth, loss, partitions
 *
 * Not simulated are: Math.random(), Date.now(), setTimeout(), files, processes. Give the program
 * `sim.random`, and the reactor of its host as a clock.
 */
import { randomInt } from "node:crypto";
import { isIPv4 } from "node:net";
import { check, checkOptions } from "../../internet/arguments/check.ts";
import { callable, flag, seconds as secondsKind, text, thenable } from "../../internet/arguments/kinds.ts";
import { SkeinError } from "../../internet/error.ts";
import { isInstance, summaryOf } from "../../logger/describe.ts";
import { divertLog } from "../../logger/log.ts";
import { FAULT_RULES, HOST, HOSTS, LINES, LINK_SETTINGS, SIMULATE_OPTIONS, SIMULATION_OPTIONS } from "./arguments.ts";
import type { SimulatedConnection } from "./connectionhandle.ts";
import { type FaultRules, Faults, Once } from "./faults.ts";
import { SimulatedHost } from "./host.ts";
import type { LinkSettings } from "./link.ts";
import { Network } from "./network.ts";
import { Player } from "./player.ts";
import { Random } from "./random.ts";
import { Trace } from "./trace.ts";

export { SimulatedConnection } from "./connectionhandle.ts";
export { type FaultRules, Faults } from "./faults.ts";
export { SimulatedHost } from "./host.ts";
export { type LinkSettings, PLAIN_NETWORK, ROUGH_NETWORK } from "./link.ts";
export { SimulatedReactor } from "./reactor.ts";

/** The defaults for all links, and the options of the simulation itself. */
export interface SimulationOptions extends Partial<LinkSettings> {
  /** An integer from 0 to 2 ** 53 - 1. Default 1. */
  readonly seed?: number;
  /** False: errors that the program logs do not end the run; look at `errors`. Default true. */
  readonly failOnError?: boolean;
  /** Called with every trace record, as text. */
  readonly onTrace?: (line: string) => void;
}

/** Which directions of a link are meant. */
export interface OneWayOptions {
  /** Only the direction from the first host to the second. Default false: both. */
  readonly oneWay?: boolean;
}

const ONE_WAY = { oneWay: flag };

/** An error that the program logged, or that was thrown in a callback. */
export interface SimulationError {
  /** Virtual seconds. */
  readonly time: number;
  readonly message: string;
  readonly error: unknown;
}

/** A run failed. The message has the seed and the latest events; `cause` is the error. */
export class SimulationFailure extends SkeinError {
  override readonly code: string = "ERR_SIMULATION";
}

const LINES_IN_FAILURE = 20;

/** A network of hosts in virtual time, fully determined by one seed. */
export class Simulation {
  readonly seed: number;
  /** The errors of the program so far. */
  readonly errors: SimulationError[] = [];
  /** Uniform random numbers in [0, 1), for the program. The network draws its own. */
  readonly random: () => number;
  private readonly trace: Trace;
  private readonly network: Network<SimulatedHost>;
  private readonly player: Player;
  private readonly failOnError: boolean;
  private faultStreams = 0;

  /** @throws TypeError | RangeError for a wrong option */
  constructor(options: SimulationOptions = {}) {
    const checked = checkOptions<SimulationOptions>("new Simulation(options)", options, SIMULATION_OPTIONS);
    const { seed = 1, failOnError = true, onTrace, ...settings } = checked;
    this.seed = seed;
    this.failOnError = failOnError;
    const random = new Random(seed, "program");
    this.random = () => random.next();
    this.trace = new Trace(onTrace);
    this.network = new Network<SimulatedHost>(settings, new Random(seed, "network"), this.trace);
    this.player = new Player(this.network.queue);
  }

  // --- the network ---------------------------------------------------------------------------------------------------

  /**
   * The host of that name, created at the first call: a name of your own, which the simulation's resolver knows, or an
   * IPv4 address. Its reactor is running.
   */
  host(name: string): SimulatedHost {
    check("host(name)", "name", name, text);
    const found = this.network.find(name);
    if (found !== undefined) return found;
    const address = isIPv4(name) ? name : this.network.freeAddress();
    const host = new SimulatedHost(this.network, this.network.hosts.length, name, address);
    this.network.add(host);
    return host;
  }

  /**
   * Change the settings of the links between two hosts, for segments sent from now on; both directions, unless
   * `oneWay`.
   */
  link(from: SimulatedHost, to: SimulatedHost, settings: Partial<LinkSettings>, options: OneWayOptions = {}): void {
    const call = "link(from, to, settings, options)";
    check(call, "from", from, HOST);
    check(call, "to", to, HOST);
    const changed = checkOptions<Partial<LinkSettings>>(call, settings, LINK_SETTINGS);
    const { oneWay = false } = checkOptions<OneWayOptions>(call, options, ONE_WAY);
    const links = [this.network.link(from, to)];
    if (!oneWay) links.push(this.network.link(to, from));
    for (const link of links) link.settings = { ...link.settings, ...changed };
  }

  /** Cut `from` off from `to`. With `oneWay` what `to` sends still arrives at `from`. */
  partition(
    from: SimulatedHost | readonly SimulatedHost[],
    to: SimulatedHost | readonly SimulatedHost[],
    options: OneWayOptions = {},
  ): void {
    const call = "partition(from, to, options)";
    check(call, "from", from, HOSTS);
    check(call, "to", to, HOSTS);
    const { oneWay = false } = checkOptions<OneWayOptions>(call, options, ONE_WAY);
    this.network.partition([from].flat(), [to].flat(), oneWay);
  }

  /** End every partition. */
  heal(): void {
    this.network.healAll();
  }

  /** The established connections. */
  connections(): SimulatedConnection[] {
    return [...this.network.connections];
  }

  /** Inject random faults from now on. */
  faults(rules: FaultRules): Faults {
    const checked = checkOptions<FaultRules>("faults(rules)", rules, FAULT_RULES);
    return new Faults(this.network, new Random(this.seed, `faults ${this.faultStreams++}`), checked);
  }

  // --- time ----------------------------------------------------------------------------------------------------------

  /** Virtual time in seconds: 0 at first. */
  seconds(): number {
    return this.network.queue.now;
  }

  /** Call `f` after `seconds` of virtual time, as a step of the test. */
  after(seconds: number, f: () => void): void {
    check("after(seconds, f)", "seconds", seconds, secondsKind);
    check("after(seconds, f)", "f", f, callable);
    this.network.queue.plan(new Once(f), this.seconds() + seconds);
  }

  /**
   * Advance the virtual time by `seconds`. Promises settle as far as they can after each event.
   * @throws SimulationFailure when the program has logged an error, unless `failOnError` is false
   */
  async run(seconds: number): Promise<void> {
    check("run(seconds)", "seconds", seconds, secondsKind);
    await this.play(this.seconds() + seconds, () => false);
  }

  /**
   * Advance the virtual time until `awaited` has settled, and return its result.
   * @throws SimulationFailure as run() does, and when `awaited` has not settled within `seconds`; what `awaited`
   * rejects with
   */
  async until<T>(awaited: PromiseLike<T>, seconds = 3600): Promise<T> {
    check("until(awaited, seconds)", "awaited", awaited, thenable);
    check("until(awaited, seconds)", "seconds", seconds, secondsKind);
    let settled = false;
    const outcome = Promise.resolve(awaited).finally(() => {
      settled = true;
    });
    outcome.catch(() => undefined); // it is thrown below, or the run failed before
    await this.play(this.seconds() + seconds, () => settled);
    if (!settled) throw this.failure(new Error(`The promise did not settle within ${seconds} virtual seconds.`));
    return outcome;
  }

  /** The SHA-256 of the trace so far. */
  get traceHash(): string {
    return this.trace.digest();
  }

  /** The latest trace records, as text. */
  latest(lines: number): string[] {
    check("latest(lines)", "lines", lines, LINES);
    return this.trace.latest(lines);
  }

  /** A SimulationFailure for `error`, with the seed and the latest events. */
  failure(error: unknown): SimulationFailure {
    const latest = this.latest(LINES_IN_FAILURE).map((line) => `  ${line}`);
    return new SimulationFailure(
      [
        `The simulation failed with seed ${this.seed}, after ${this.seconds()} virtual seconds: ${summaryOf(error)}`,
        `Replay it with SKEIN_SEED=${this.seed}, or { seed: ${this.seed} }. What happened last:`,
        ...latest,
      ].join("\n"),
      { cause: error },
    );
  }

  private async play(limit: number, done: () => boolean): Promise<void> {
    const restore = divertLog((event) => {
      this.trace.note(this.seconds(), event.message);
      if (event.level !== "error" && event.level !== "critical") return;
      this.errors.push({ time: this.seconds(), message: event.message, error: event.error });
    });
    const known = this.errors.length;
    const failed = () => this.failOnError && this.errors.length > known;
    try {
      await this.player.play(limit, () => failed() || done());
    } catch (error) {
      throw this.failure(error);
    } finally {
      restore();
    }
    if (!failed()) return;
    const { message, error } = this.errors[known]!;
    throw this.failure(error === undefined ? new Error(message) : error);
  }
}

/** The options of {@link simulate}. */
export interface SimulateOptions extends Omit<SimulationOptions, "seed"> {
  /** The first seed; "random" draws one. Default 1. */
  readonly seed?: number | "random";
  /** The number of consecutive seeds. Default 1. */
  readonly runs?: number;
}

/** The result of one run. */
export interface SimulationResult {
  readonly seed: number;
  readonly traceHash: string;
  /** Virtual seconds. */
  readonly seconds: number;
}

/**
 * Call `body` with a fresh simulation for each seed. The first run that fails ends it, with a SimulationFailure whose
 * message names the seed; the environment's SKEIN_SEED then runs that seed alone.
 * @throws TypeError | RangeError for a wrong option
 */
export async function simulate(
  options: SimulateOptions,
  body: (sim: Simulation) => Promise<void>,
): Promise<SimulationResult[]> {
  const call = "simulate(options, body)";
  check(call, "body", body, callable);
  const { seed = 1, runs = 1, ...rest } = checkOptions<SimulateOptions>(call, options, SIMULATE_OPTIONS);
  const replayed = process.env.SKEIN_SEED;
  const first = replayed ? Number(replayed) : seed === "random" ? randomInt(2 ** 32) : seed;
  const results: SimulationResult[] = [];
  for (let i = 0; i < (replayed ? 1 : runs); i++) {
    const sim = new Simulation({ ...rest, seed: first + i });
    try {
      await body(sim);
    } catch (error) {
      throw isInstance(error, SimulationFailure) ? error : sim.failure(error);
    }
    results.push({ seed: sim.seed, traceHash: sim.traceHash, seconds: sim.seconds() });
  }
  return results;
}
