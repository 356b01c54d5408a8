/** Chooses the token bucket of a connection. */

import { check } from "../../internet/arguments/check.ts";
import { clock as clockKind, type Kind, orNull, withMethods } from "../../internet/arguments/kinds.ts";
import type { Transport } from "../../internet/interfaces.ts";
import { peerKey } from "../../internet/networks.ts";
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

/** How many buckets a new one may look at to take the place of one. */
const LOOKED_AT = 32;

/**
 * Keeps one bucket per key; a subclass determines the key of a connection. With a parent filter, the parent of each bucket
 * is the one that the parent filter chooses, for example to limit each host and all hosts together.
 */
export class HierarchicalBucketFilter implements BucketFilter {
  /** The class of the buckets. */
  bucketFactory: new (parent: Bucket | null, clock: ReactorTime) => Bucket = Bucket;
  /** Seconds between two sweeps; null: never sweep. */
  sweepInterval: number | null = null;
  /**
   * Buckets that are kept, if so many are unused; null: no limit. Above it a new bucket takes the place of the oldest that is
   * unused, even if that is not empty. Those in use are never removed: their connections are for others to limit.
   */
  maxBuckets: number | null = null;
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
      this.#makeRoom();
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
      if (bucket.drip() && bucket.refcount === 0) this.#remove(key, bucket);
    }
    this.#lastSweep = this.#clock.seconds();
  }

  /** The oldest come first; those in use are put behind the others, so that no later call looks at them in vain. */
  #makeRoom(): void {
    const { buckets, maxBuckets } = this;
    if (maxBuckets === null) return;
    let seen = 0;
    for (const [key, bucket] of buckets) {
      if (buckets.size < maxBuckets || seen++ === LOOKED_AT) return;
      if (bucket.refcount === 0) this.#remove(key, bucket);
      else {
        buckets.delete(key);
        buckets.set(key, bucket);
      }
    }
  }

  #remove(key: unknown, bucket: Bucket): void {
    this.buckets.delete(key);
    if (bucket.parentBucket !== null) bucket.parentBucket.refcount--;
  }
}

/**
 * One bucket per remote host, swept every 20 minutes, and 16,384 at most that are unused. The addresses of one /64 network of
 * IPv6 share a bucket, as with `LimitConnectionsByPeer`.
 */
export class FilterByHost extends HierarchicalBucketFilter {
  override sweepInterval: number | null = 20 * 60;
  override maxBuckets: number | null = 16_384;

  override getBucketKey(transport: Transport): unknown {
    return peerKey(transport.getPeer().host);
  }
}

/** One bucket per local port. */
export class FilterByServer extends HierarchicalBucketFilter {
  override getBucketKey(transport: Transport): unknown {
    return transport.getHost().port;
  }
}
