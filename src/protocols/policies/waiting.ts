/**
 * Connections that wait for something, of which there may be only so many at once. With one more, one of them goes: one of the
 * peer that has most, so that a crowd from one peer closes nobody else's. Each call takes the same time, however many wait.
 */
import { peerKey } from "../../internet/networks.ts";

export class Waiting<T> {
  /** How many may wait. */
  readonly most: number;
  readonly #peers = new Map<T, string>();
  /** Those of each peer, the oldest first. */
  readonly #members = new Map<string, Set<T>>();
  /** At n: the peers that have n. */
  readonly #peersWith: Set<string>[] = [new Set()];
  /** The number of those with most. */
  #highest = 0;

  constructor(most: number) {
    this.most = most;
  }

  get size(): number {
    return this.#peers.size;
  }

  /** `one`, which does not wait yet, waits. @param host its address, or whatever stands for its peer */
  add(one: T, host: string): void {
    const peer = peerKey(host);
    this.#peers.set(one, peer);
    const members = this.#members.get(peer) ?? new Set();
    this.#members.set(peer, members.add(one));
    this.#peersWith[members.size - 1]!.delete(peer);
    this.#peersWith[members.size] ??= new Set();
    this.#peersWith[members.size]!.add(peer);
    this.#highest = Math.max(this.#highest, members.size);
  }

  /** `one` waits no longer. */
  delete(one: T): void {
    const peer = this.#peers.get(one);
    if (peer === undefined) return;
    this.#peers.delete(one);
    const members = this.#members.get(peer)!;
    this.#peersWith[members.size]!.delete(peer);
    members.delete(one);
    if (members.size === 0) this.#members.delete(peer);
    else this.#peersWith[members.size]!.add(peer);
    if (this.#peersWith[this.#highest]!.size === 0) this.#highest--;
  }

  /** Whether the peer of `one`, which waits, is one of those with most. */
  hasMost(one: T): boolean {
    return this.#peersWith[this.#highest]!.has(this.#peers.get(one)!);
  }

  /** Who has to go: the oldest of a peer with most. Undefined unless more wait than may. */
  surplus(): T | undefined {
    if (this.#peers.size <= this.most) return undefined;
    const [peer] = this.#peersWith[this.#highest]!;
    const [oldest] = this.#members.get(peer!)!;
    return oldest;
  }
}
