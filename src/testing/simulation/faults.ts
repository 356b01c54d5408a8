/** Injects faults at random times drawn from the seed. */
import type { SimulatedHost } from "./host.ts";
import type { Network } from "./network.ts";
import { Occurrence } from "./queue.ts";
import type { Random } from "./random.ts";

/** Each `…Every` is the mean number of seconds between two faults of that kind; a kind that is left out never occurs. */
export interface FaultRules {
  /** A connection is reset. */
  readonly resetEvery?: number;
  /** One side drops its connection without a FIN or RST; the other side is half-open. */
  readonly dropSilentlyEvery?: number;
  /** A host is cut off from all others, for `partitionFor` seconds on average, default 10. */
  readonly partitionEvery?: number;
  readonly partitionFor?: number;
  /** The fraction of partitions that cut one direction only. Default 0.3. */
  readonly partitionOneWay?: number;
  /** A host runs nothing for `freezeFor` seconds on average, default 1. */
  readonly freezeEvery?: number;
  readonly freezeFor?: number;
  /** A host crashes and restarts, `crashFor` seconds later on average, default 10. `restarted` starts its program. */
  readonly crashEvery?: number;
  readonly crashFor?: number;
  readonly restarted?: (host: SimulatedHost) => void;
  /** The hosts that may be partitioned, frozen or crashed. Default: all. */
  readonly hosts?: readonly SimulatedHost[];
}

/** Injects faults until {@link stop}. */
export class Faults {
  private readonly network: Network<SimulatedHost>;
  private readonly random: Random;
  private readonly rules: FaultRules;
  private readonly repeated: Repeated[] = [];

  constructor(network: Network<SimulatedHost>, random: Random, rules: FaultRules) {
    this.network = network;
    this.random = random;
    this.rules = rules;
    this.repeat(rules.resetEvery, () => this.reset());
    this.repeat(rules.dropSilentlyEvery, () => this.dropSilently());
    this.repeat(rules.partitionEvery, () => this.partition());
    this.repeat(rules.freezeEvery, () => this.freeze());
    this.repeat(rules.crashEvery, () => this.crash());
  }

  /** Inject no more faults. Faults in progress (a partition, a freeze, a crash) end when they were due to. */
  stop(): void {
    for (const repeated of this.repeated) this.network.queue.cancel(repeated);
  }

  private repeat(every: number | undefined, f: () => void): void {
    if (every === undefined) return;
    const repeated = new Repeated(this.network, () => this.random.gap(every), f);
    this.repeated.push(repeated);
    repeated.again();
  }

  private once(seconds: number, f: () => void): void {
    const { queue } = this.network;
    queue.plan(new Once(f), queue.now + seconds);
  }

  private reset(): void {
    pick(this.random, this.network.connections)?.reset();
  }

  private dropSilently(): void {
    const side = this.random.chance(0.5) ? "client" : "server";
    pick(this.random, this.network.connections)?.dropSilently(side);
  }

  private partition(): void {
    const host = this.anyHost();
    if (host === undefined) return;
    const others = this.network.hosts.filter((other) => other !== host);
    const oneWay = this.random.chance(this.rules.partitionOneWay ?? 0.3);
    const outward = oneWay && this.random.chance(0.5);
    const from = outward || !oneWay ? [host] : others;
    const to = outward || !oneWay ? others : [host];
    this.network.partition(from, to, oneWay);
    this.once(this.random.gap(this.rules.partitionFor ?? 10), () => this.network.heal(from, to, oneWay));
  }

  private freeze(): void {
    this.anyHost()?.freeze(this.random.gap(this.rules.freezeFor ?? 1));
  }

  private crash(): void {
    const host = this.anyHost();
    if (host === undefined) return;
    host.crash();
    this.once(this.random.gap(this.rules.crashFor ?? 10), () => {
      host.restart();
      this.rules.restarted?.(host);
    });
  }

  private anyHost(): SimulatedHost | undefined {
    const hosts = this.rules.hosts ?? this.network.hosts;
    return pick(
      this.random,
      hosts.filter(({ up }) => up),
    );
  }
}

function pick<T>(random: Random, items: readonly T[]): T | undefined {
  return items[random.below(items.length)];
}

/** One kind of fault, injected repeatedly. */
class Repeated extends Occurrence {
  private readonly network: Network<SimulatedHost>;
  private readonly gap: () => number;
  private readonly f: () => void;

  constructor(network: Network<SimulatedHost>, gap: () => number, f: () => void) {
    super();
    this.network = network;
    this.gap = gap;
    this.f = f;
  }

  again(): void {
    this.network.queue.plan(this, this.network.queue.now + this.gap());
  }

  override run(): void {
    this.f();
    this.again();
  }
}

/** A function that runs once at a given time, also for `Simulation.after()`. */
export class Once extends Occurrence {
  private readonly f: () => void;

  constructor(f: () => void) {
    super();
    this.f = f;
  }

  override run(): void {
    this.f();
  }
}
