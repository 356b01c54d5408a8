/** Writes that can be awaited: the sender learns when the peer is slower than itself. */
import { ConnectionClosed, ConnectionLost } from "../internet/error.ts";
import type { Bytes, PushProducer, Transport } from "../internet/interfaces.ts";

const DONE = Promise.resolve();

/**
 * Queue bytes on a transport. Resolves as soon as it can take more: at once as a rule, and else when what waited has
 * been handed to the kernel. Awaiting each write bounds what waits in memory, however slow the peer.
 *
 * A rejection that nobody awaits is no error of the program: the loss of the connection is told by other ways too.
 * While it waits, it is the transport's producer, so no other can be registered then.
 * @throws ConnectionLost when the connection is lost first; ConnectionClosed when it is closing already
 */
export function write(transport: Transport, data: Bytes): Promise<void> {
  let drain = drains.get(transport);
  if (drain === undefined) {
    drain = new Drain(transport);
    drains.set(transport, drain);
  }
  return drain.write(data);
}

const drains = new WeakMap<Transport, Drain>();

/** Stands in as a transport's producer while there is a write, to be told when the transport has enough. */
class Drain implements PushProducer {
  readonly #transport: Transport;
  #lost = false;
  /** There while the transport has more than it likes. */
  #waiting: Wait | null = null;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  write(data: Bytes): Promise<void> {
    const transport = this.#transport;
    if (this.#waiting !== null) {
      transport.write(data);
      return this.#waiting.promise;
    }
    if (this.#lost) return refused(new ConnectionLost("The connection was lost: nothing can be written to it."));
    if (transport.disconnecting) {
      return refused(new ConnectionClosed("The connection is closing: write before loseConnection() or close()."));
    }
    try {
      transport.registerProducer(this, true);
    } catch (error) {
      return refused(error);
    }
    if (this.#lost) return this.write(data);
    transport.write(data);
    // pauseProducing() may have been called meanwhile.
    const waiting = this.#waiting as Wait | null;
    if (waiting !== null) return waiting.promise;
    transport.unregisterProducer();
    return DONE;
  }

  pauseProducing(): void {
    this.#waiting ??= new Wait();
  }

  resumeProducing(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#transport.unregisterProducer();
    waiting?.resolve();
  }

  stopProducing(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#lost = true;
    waiting?.reject(new ConnectionLost("The connection was lost before all that was written to it had been sent."));
  }
}

class Wait {
  readonly promise: Promise<void>;
  resolve!: () => void;
  reject!: (reason: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(ignore);
  }
}

/** A rejection that is no error of the program when nobody awaits it. */
export function refused(error: unknown): Promise<void> {
  const promise = Promise.reject(error);
  promise.catch(ignore);
  return promise;
}

function ignore(): void {}
