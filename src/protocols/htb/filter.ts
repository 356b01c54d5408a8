/** Chooses the token bucket of a connection. */

import { check } from "../../internet/arguments/check.ts";
import { clock as clockKind, type Kind, orNull, withMethods } from "../../internet/arguments/kinds.ts";
import type { Transport } from "../../internet/interfaces.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import type { ReactorTime } from "../../internet/time.ts";
import { Bucket } from "./bucket.ts";

/** Chooses the bucket of a connection. */
export interface BucketFilter {
  getBucketFor(transport: Transport): Bucket;
}

/** A {@link BucketFilter} as an argument. */
export const BUCKET_FILTER: Kind = withMethods("a filter", "getBucketFor");
const PARENT = orNull(BUCKET_FILTER);
const CLOCK = orNull(clockKind);

/**
 * Keeps one bucket per key; a subclass determines the key of a connection. With a parent filter, the parent of each bucket
 * is the one that the parent filter chooses, for example to limit each host and all hosts together.
 */
export class HierarchicalBucketFilter implements BucketFilter {
  /** The class of the buckets. */
  bucketFactory: new (parent: Bucket | null, clock: ReactorTime) => Bucket = Bucket;
  /** Seconds between two sweeps; null: never sweep. */
  sweepInterval: number | null = null;
  /** The buckets by key. */
  readonly buckets: Map<unknown, Bucket> = new Map();
  readonly #parentFilter: BucketFilter | null;
  readonly #clock: ReactorTime;
  #lastSweep: number;

  /**
   * @param clock measures the time, for the buckets too; default: the installed reactor
   * @throws TypeError; NoClockError when there is neither a clock nor an installed reactor
   */
  constructor(parentFilter: BucketFilter | null = null, clock: ReactorTime | null = null) {
    const call = `new ${new.target.name}(parentFilter, clock)`;
    check(call, "parentFilter", parentFilter, PARENT);
    check(call, "clock", clock, CLOCK);
    this.#parentFilter = parentFilter;
    this.#clock = clock ?? defaultClock();
    this.#lastSweep = this.#clock.seconds();
  }

  /** The bucket of a connection. Creates it when its key has none yet. */
  getBucketFor(transport: Transport): Bucket {
    if (this.sweepInterval !== null && this.#clock.seconds() - this.#lastSweep > this.sweepInterval) this.sweep();
    const key = this.getBucketKey(transport);
    let bucket = this.buckets.get(key);
    if (bucket === undefined) {
      bucket = new this.bucketFactory(this.#parentFilter?.getBucketFor(transport) ?? null, this.#clock);
      this.buckets.set(key, bucket);
    }
    return bucket;
  }

  /** The key of a connection: connections with the same key share a bucket. By default all of them do. */
  getBucketKey(_transport: Transport): unknown {
    return null;
  }

  /** Remove the buckets that are empty and unused. */
  sweep(): void {
    for (const [key, bucket] of this.buckets) {
      if (!bucket.drip() || bucket.refcount > 0) continue;
      this.buckets.delete(key);
      if (bucket.parentBucket !== null) bucket.parentBucket.refcount--;
    }
    this.#lastSweep = this.#clock.seconds();
  }
}

/** One bucket per remote host, swept every 20 minutes. */
export class FilterByHost extends HierarchicalBucketFilter {
  override sweepInterval: number | null = 20 * 60;

  override getBucketKey(transport: Transport): unknown {
    return transport.getPeer().host;
  }
}

/** One bucket per local port. */
export class FilterByServer extends HierarchicalBucketFilter {
  override getBucketKey(transport: Transport): unknown {
    return transport.getHost().port;
  }
}
