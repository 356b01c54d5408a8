/**
 * Look-ups of names that strangers choose.
 *
 * getaddrinfo() holds a thread until it ends, which takes many seconds for a name whose servers do not answer, and libuv
 * looks up with half of its threads at most: two names at once, unless UV_THREADPOOL_SIZE is set. So few are looked up at a
 * time, one for each peer, and others wait in turn by peers. Whoever goes leaves the queue, but what has begun counts until
 * it ends, since the thread is held so long.
 */
import { isIP } from "node:net";
import { Deferred } from "../../internet/defer/deferred.ts";
import { fail, maybeDeferred } from "../../internet/defer/makers.ts";
import { Failure } from "../../internet/failure.ts";
import type { ReactorNames } from "../../internet/interfaces.ts";
import { SOCKSError } from "./request.ts";

/** How many look-ups may wait, in all and of one peer. */
const QUEUED_MAX = 64;
const QUEUED_PER_PEER_MAX = 16;

interface Waiting {
  readonly name: string;
  readonly found: Deferred<string>;
}

export class Lookups {
  readonly #resolver: ReactorNames;
  readonly #atOnce: number;
  /** Who waits for the names that are being looked up. */
  readonly #running = new Map<string, Set<Deferred<string>>>();
  /** The peers whose names are being looked up. */
  readonly #busy = new Set<string>();
  /** By peers, in the order of their turns. */
  readonly #queues = new Map<string, Waiting[]>();
  #queued = 0;

  constructor(resolver: ReactorNames, atOnce: number) {
    this.#resolver = resolver;
    this.#atOnce = atOnce;
  }

  /** The address of `name`, for `peer`. Literal addresses do not wait. Cancelling it frees its place in the queue. */
  resolve(name: string, peer: string): Deferred<string> {
    if (isIP(name) !== 0) return this.#resolver.resolve(name);
    const running = this.#running.get(name);
    if (running !== undefined) return joining(running);
    if (this.#running.size < this.#atOnce && !this.#busy.has(peer)) {
      const waiting = new Set<Deferred<string>>();
      const found = joining(waiting);
      this.#begin(name, peer, waiting);
      return found;
    }
    const queue = this.#queues.get(peer) ?? [];
    if (this.#queued >= QUEUED_MAX || queue.length >= QUEUED_PER_PEER_MAX) {
      return fail(
        new SOCKSError(`Too many names wait to be looked up: ${queue.length} of this client, ${this.#queued} in all.`),
      );
    }
    const waiting: Waiting = { name, found: new Deferred<string>(() => this.#leave(peer, waiting)) };
    queue.push(waiting);
    this.#queues.set(peer, queue);
    this.#queued++;
    return waiting.found;
  }

  #begin(name: string, peer: string, waiting: Set<Deferred<string>>): void {
    this.#running.set(name, waiting);
    this.#busy.add(peer);
    maybeDeferred(() => this.#resolver.resolve(name)).addBoth((outcome) => {
      this.#running.delete(name);
      this.#busy.delete(peer);
      this.#next();
      for (const found of waiting) {
        if (outcome instanceof Failure) found.errback(outcome);
        else found.callback(outcome);
      }
    });
  }

  /** Look up for the peers whose turn it is. */
  #next(): void {
    for (const [peer, queue] of this.#queues) {
      if (this.#running.size >= this.#atOnce) return;
      if (this.#busy.has(peer)) continue;
      const { name, found } = queue[0]!;
      this.#leave(peer, queue[0]!);
      if (queue.length > 0) {
        this.#queues.delete(peer); // the peer's next turn comes after the others'
        this.#queues.set(peer, queue);
      }
      found.callback(this.resolve(name, peer));
    }
  }

  #leave(peer: string, waiting: Waiting): void {
    const queue = this.#queues.get(peer) ?? [];
    const at = queue.indexOf(waiting);
    if (at < 0) return;
    queue.splice(at, 1);
    this.#queued--;
    if (queue.length === 0) this.#queues.delete(peer);
  }
}

/** Fires with what `waiting` waits for, or leaves it when it is cancelled. */
function joining(waiting: Set<Deferred<string>>): Deferred<string> {
  const found = new Deferred<string>(() => waiting.delete(found));
  waiting.add(found);
  return found;
}
