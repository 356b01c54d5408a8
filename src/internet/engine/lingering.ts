/** The connections that are lost for the program, and open until their peers have read everything. The oldest come first. */

const SWEEPS_TO_LINGER = 2;
/** Connections that linger at once: of more, the oldest are closed. As native/engine/engine.h has it. */
const LINGERING_MAX = 1024;
/** So many lingering ones are closed when a listener is out of descriptors. */
const LINGERING_YIELDED = 64;

export interface LingeringConnection {
  /** The number of sweeps during which it has lingered. */
  sweeps: number;
  /** Close it without reporting it: it is deleted here. */
  release(): void;
}

export class Lingering<C extends LingeringConnection> {
  readonly #connections = new Set<C>();

  get size(): number {
    return this.#connections.size;
  }

  [Symbol.iterator](): Iterator<C> {
    return this.#connections.values();
  }

  add(connection: C): void {
    this.#connections.add(connection);
    if (this.#connections.size > LINGERING_MAX) this.#closeOldest(1);
  }

  delete(connection: C): void {
    this.#connections.delete(connection);
  }

  /** A listener is out of descriptors: close some. */
  yield(): void {
    this.#closeOldest(LINGERING_YIELDED);
  }

  /** Close what has lingered through two sweeps; returns how many linger still. */
  sweep(): number {
    for (const connection of this.#connections) {
      if (++connection.sweeps >= SWEEPS_TO_LINGER) connection.release();
    }
    return this.#connections.size;
  }

  #closeOldest(count: number): void {
    let left = count;
    for (const connection of this.#connections) {
      if (left-- === 0) return;
      connection.release();
    }
  }
}
