/**
 * The lines of each peer: one bucket for all its connections, which outlives them, so that to connect anew gains nothing.
 * A peer is forgotten once it has no connection and its bucket is full again. There is no timer: whoever comes or goes
 * looks at those that left first.
 */
import type { TimeSource } from "../../internet/time.ts";
import { Bucket } from "./bucket.ts";

/** Peers without a connection that are remembered at most; above it, the one that left first is forgotten. */
const PEERS_REMEMBERED = 16_384;

export interface PeerLimits {
  /** Lines per second on average. */
  readonly peerLinesPerSecond: number;
  /** Lines at once after a silence. */
  readonly peerLineBurst: number;
}

/** A peer that has connections, or had. */
export interface Peer {
  /** See peerKey(). */
  readonly key: string;
  readonly lines: Bucket;
  connections: number;
}

export class Peers {
  readonly #clock: TimeSource;
  readonly #limits: PeerLimits;
  /** Those that have a connection, by their keys. */
  readonly #present = new Map<string, Peer>();
  /** Those that have none and whose bucket was not full, in the order in which they left. */
  readonly #gone = new Map<string, Peer>();

  constructor(clock: TimeSource, limits: PeerLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** How many peers are known. */
  get size(): number {
    return this.#present.size + this.#gone.size;
  }

  /** A connection of a peer was made. @returns for {@link leave} */
  enter(key: string): Peer {
    this.#forget();
    const { peerLinesPerSecond, peerLineBurst } = this.#limits;
    const peer = this.#present.get(key) ??
      this.#gone.get(key) ?? {
        key,
        lines: new Bucket(this.#clock, peerLinesPerSecond, peerLineBurst),
        connections: 0,
      };
    this.#gone.delete(key);
    this.#present.set(key, peer);
    peer.connections++;
    return peer;
  }

  /** A connection of the peer was lost. */
  leave(peer: Peer): void {
    peer.connections--;
    if (peer.connections > 0) return;
    this.#present.delete(peer.key);
    if (!peer.lines.isFull) this.#gone.set(peer.key, peer);
    this.#forget();
  }

  #forget(): void {
    for (const { key, lines } of this.#gone.values()) {
      if (!lines.isFull && this.#gone.size <= PEERS_REMEMBERED) return;
      this.#gone.delete(key);
    }
  }
}
