/** Which bucket a connection's bytes go through. */

import type { Transport } from "../../internet/interfaces.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import type { ReactorTime } from "../../internet/time.ts";
import { Bucket } from "./bucket.ts";

/** Finds the bucket for a connection. */
export interface BucketFilter {
  getBucketFor(transport: Transport): Bucket;
}

/**
 * Keeps a bucket for each key; a subclass says what the key of a connection is. With a parent filter, each bucket gets
 * the one that the parent chooses as its parent: so many bytes a host, so many for all together.
 */
export class HierarchicalBucketFilter implements BucketFilter {
  /** The class of the buckets. */
  bucketFactory: new (parent: Bucket | null, clock: ReactorTime) => Bucket = Bucket;
  /** Seconds between two sweeps, or null for none. */
  sweepInterval: number | null = null;
  /** The buckets by their keys. */
  readonly buckets: Map<unknown, Bucket> = new Map();
  readonly #parentFilter: BucketFilter | null;
  readonly #clock: ReactorTime;
  #lastSweep: number;

  /**
   * @param clock what the buckets drain by; default: the installed reactor
   * @throws NoClockError when there is neither
   */
  constructor(parentFilter: BucketFilter | null = null, clock: ReactorTime | null = null) {
    this.#parentFilter = parentFilter;
    this.#clock = clock ?? defaultClock();
    this.#lastSweep = this.#clock.seconds();
  }

  /** The bucket for a connection; it is made when there is none yet. */
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

  /** What tells the buckets apart: connections of equal keys share one. By default all do. */
  getBucketKey(_transport: Transport): unknown {
    return null;
  }

  /** Forget the buckets that are empty and unused. */
  sweep(): void {
    for (const [key, bucket] of this.buckets) {
      if (!bucket.drip() || bucket.refcount > 0) continue;
      this.buckets.delete(key);
      if (bucket.parentBucket !== null) bucket.parentBucket.refcount--;
    }
    this.#lastSweep = this.#clock.seconds();
  }
}

/** A bucket for each host that connects; swept every 20 minutes. */
export class FilterByHost extends HierarchicalBucketFilter {
  override sweepInterval: number | null = 20 * 60;

  override getBucketKey(transport: Transport): unknown {
    return transport.getPeer().host;
  }
}

/** A bucket for each port that serves. */
export class FilterByServer extends HierarchicalBucketFilter {
  override getBucketKey(transport: Transport): unknown {
    return transport.getHost().port;
  }
}
