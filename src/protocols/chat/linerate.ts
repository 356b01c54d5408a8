/** Limits how many lines a client sends: by its own bucket, by that of its peer, and by a count of what they turned away. */
import type { Bucket } from "./bucket.ts";

/** What to do with a line. "warn" and "warn peer" drop it, as "drop" does: it was too many for the client or its peer. */
export type LineVerdict = "take" | "warn" | "warn peer" | "drop" | "close";

export class LineRate {
  readonly #own: Bucket;
  readonly #peer: Bucket;
  /** Lines dropped since the client's bucket was full last. */
  #dropped = 0;

  /** @param peer shared by the connections of a peer */
  constructor(own: Bucket, peer: Bucket) {
    this.#own = own;
    this.#peer = peer;
  }

  /** A line has arrived. */
  judge(): LineVerdict {
    if (this.#own.isFull) this.#dropped = 0;
    // What the client may not send is not charged to its peer.
    const mayOwn = this.#own.take();
    if (mayOwn && this.#peer.take()) return "take";
    this.#dropped++;
    if (this.#dropped >= this.#own.size) return "close";
    if (this.#dropped > 1) return "drop";
    return mayOwn ? "warn peer" : "warn";
  }
}
