/**
 * Lines that wait, in a tree of the networks from which they came:
 *
 *     all ─┬─ 2001:db8:1::/48 ── 2001:db8:1:200::/56 ─┬─ 2001:db8:1:201::/64 ── lines of its clients
 *          │                                          └─ 2001:db8:1:202::/64 ── lines of its clients
 *          └─ 192.0.2.7 ── lines of its clients
 *
 * At each level, the networks share the bytes that are sent, not the lines: a short line overtakes longer ones. Before a line,
 * each other network is sent at most as many bytes as the line has, and the line that was due already.
 *
 * To that end each network has a time of its own: how many bytes each of those that wait in it would have got if all were sent
 * at once. A line begins when it came, or where the one before from there ended; the one that would end first is the next.
 * @see A. Demers, S. Keshav, S. Shenker: Analysis and Simulation of a Fair Queueing Algorithm, SIGCOMM 1989
 */

/** A line that waits. */
export interface Line {
  /** From the widest network to the smallest. */
  readonly networks: readonly string[];
  readonly bytes: number;
}

/** Who waits in a network: a smaller one, or at last a line. */
interface Place<L extends Line> {
  readonly key: unknown;
  readonly item: FairQueue<L> | L;
  /** When its next line begins, in the network's time. */
  start: number;
}

export class FairQueue<L extends Line> {
  readonly #level: number;
  readonly #places = new Map<unknown, Place<L>>();
  /** When the last line of those that wait no longer ended, as long as that lies ahead. */
  readonly #ended = new Map<unknown, number>();
  #now = 0;
  /** The place of the next line, while it is known. */
  #next: Place<L> | null = null;

  constructor(level = 0) {
    this.#level = level;
  }

  get isEmpty(): boolean {
    return this.#places.size === 0;
  }

  /** Bytes of the next line. */
  get bytes(): number {
    return this.#first().item.bytes;
  }

  add(line: L): void {
    this.#next = null;
    const network = line.networks[this.#level];
    const key = network ?? line;
    let place = this.#places.get(key);
    if (place === undefined) {
      const item = network === undefined ? line : new FairQueue<L>(this.#level + 1);
      place = { key, item, start: Math.max(this.#now, this.#ended.get(key) ?? 0) };
      this.#ended.delete(key);
      this.#places.set(key, place);
    }
    if (place.item instanceof FairQueue) place.item.add(line);
  }

  /** A no-op for a line that does not wait. */
  remove(line: L): void {
    const place = this.#places.get(line.networks[this.#level] ?? line);
    if (place === undefined) return;
    this.#next = null;
    if (place.item instanceof FairQueue) {
      place.item.remove(line);
      if (!place.item.isEmpty) return;
    }
    this.#leave(place);
  }

  /** The next line, which waits no longer. There must be one. */
  take(): L {
    const place = this.#first();
    const { item } = place;
    this.#next = null;
    const line = item instanceof FairQueue ? item.take() : item;
    this.#now += line.bytes / this.#places.size;
    place.start += line.bytes;
    if (!(item instanceof FairQueue) || item.isEmpty) this.#leave(place);
    return line;
  }

  #first(): Place<L> {
    if (this.#next !== null) return this.#next;
    let least = Number.POSITIVE_INFINITY;
    for (const place of this.#places.values()) {
      const end = place.start + place.item.bytes;
      if (end >= least) continue;
      least = end;
      this.#next = place;
    }
    return this.#next!;
  }

  #leave({ key, item, start }: Place<L>): void {
    this.#places.delete(key);
    if (item instanceof FairQueue && start > this.#now) this.#ended.set(key, start);
    if (this.#places.size === 0) this.#ended.clear();
    for (const [other, end] of this.#ended) if (end <= this.#now) this.#ended.delete(other);
  }
}
