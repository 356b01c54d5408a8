/** Awaitable writes, with back-pressure from a slow peer. */
import { ensureTransport } from "../internet/arguments/transports.ts";
import { encodedOr, ensureBytes } from "../internet/arguments/writing.ts";
import { sentLength } from "../internet/bytes.ts";
import { ConnectionClosed, ConnectionLost } from "../internet/error.ts";
import type { Bytes, PushProducer, Transport } from "../internet/interfaces.ts";
import { budgetOf, type TickBudget, type Waiting } from "./tickbudget.ts";

const DONE = Promise.resolve();

/**
 * Queue bytes on a transport. Resolves when the transport can take more: usually at once, otherwise when the buffered
 * bytes were passed to the kernel. Awaiting each write bounds the buffer, however slow the peer. When the writes and
 * reads of this tick have used up its budget (256 operations or 1 MiB, over all connections of the reactor), it
 * resolves in the next tick, so that a loop of writes does not starve timers and other connections.
 * While it waits for the peer, it is the transport's producer, so no other can be registered then.
 * @throws ConnectionLost when the connection is lost first; ConnectionClosed when it is closing already; Error when the
 * transport has another producer. None of them is reported as unhandled when nobody awaits it
 * @param encoding of a string; UTF-8 by default
 * @throws TypeError at once for what is no transport
 * @throws TypeError by the promise for what is neither a Uint8Array nor a string, and for what is no encoding
 */
export function write(transport: Transport, data: Bytes, encoding?: BufferEncoding): Promise<void> {
  return drainOf(transport).write(data, encoding);
}

/** Unregister the producer of the previous owner. A write that waits as the producer resolves. */
export function takeFromProducer(transport: Transport): void {
  transport.unregisterProducer();
  endWrites(transport);
}

/** The transport gets another owner: a write that waits for the peer resolves, and is the transport's producer no more. */
export function endWrites(transport: Transport): void {
  drains.get(transport)?.endWait();
}

/** A write that is no longer possible: rejects with `error`, within the budget of the tick. */
export function refuse(transport: Transport, error: ConnectionClosed): Promise<void> {
  return drainOf(transport).refuse(error);
}

const drains = new WeakMap<Transport, Drain>();

function drainOf(transport: Transport): Drain {
  let drain = drains.get(transport);
  if (drain === undefined) {
    ensureTransport("write(transport, data)", transport);
    drain = new Drain(transport);
    drains.set(transport, drain);
  }
  return drain;
}

/** Registered as the transport's producer while a write is pending, for back-pressure. */
class Drain implements PushProducer {
  readonly #transport: Transport;
  readonly #budget: TickBudget;
  #lost = false;
  /** Set while the transport is above its high-water mark. */
  #waiting: Wait | null = null;
  /** Set while accepted or refused writes wait for the next tick. */
  #accepted: NextTick | null = null;
  #refused: NextTick | null = null;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#budget = budgetOf(transport);
  }

  write(data: Bytes, encoding?: BufferEncoding): Promise<void> {
    const transport = this.#transport;
    let bytes: Bytes;
    try {
      bytes = encodedOr(data, encoding, undefined);
      ensureBytes(bytes);
    } catch (error) {
      return this.#budget.reject(error);
    }
    if (this.#waiting === null) {
      const refusal = this.#begin();
      if (refusal !== null) return refusal;
    }
    try {
      transport.write(bytes);
    } catch (error) {
      if (this.#waiting === null) transport.unregisterProducer();
      return this.#budget.reject(error);
    }
    // Since before this call, or pauseProducing() was called meanwhile.
    if (this.#waiting !== null) return this.#waiting.promise;
    transport.unregisterProducer();
    return this.#accept(sentLength(bytes));
  }

  /** Become the transport's producer; returns the rejection when nothing can be written. */
  #begin(): Promise<void> | null {
    const transport = this.#transport;
    if (this.#lost) {
      return this.refuse(new ConnectionLost("The connection was lost: nothing can be written to it."));
    }
    if (transport.disconnecting) {
      return this.refuse(new ConnectionClosed("The connection is closing: write before loseConnection() or close()."));
    }
    try {
      transport.registerProducer(this, true);
    } catch (error) {
      return unreported(this.#budget.reject(error));
    }
    // A transport that is lost says so at once.
    return this.#lost ? this.#begin() : null;
  }

  refuse(error: ConnectionClosed): Promise<void> {
    if (this.#refused !== null) return this.#refused.join(0);
    if (this.#budget.spend(0)) return unreported(Promise.reject(error));
    this.#refused = new NextTick(this.#budget, 0, (wait) => {
      this.#refused = null;
      wait.reject(error);
    });
    return this.#refused.promise;
  }

  #accept(bytes: number): Promise<void> {
    if (this.#accepted !== null) return this.#accepted.join(bytes);
    if (this.#budget.spend(bytes)) return DONE;
    this.#accepted = new NextTick(this.#budget, bytes, (wait) => {
      this.#accepted = null;
      wait.resolve();
    });
    return this.#accepted.promise;
  }

  pauseProducing(): void {
    this.#waiting ??= new Wait();
  }

  resumeProducing(): void {
    this.endWait();
  }

  endWait(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    this.#waiting = null;
    this.#transport.unregisterProducer();
    waiting.resolve();
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

/** The writes of a connection that wait for the same tick: one promise, however many nobody awaits. */
class NextTick {
  readonly #wait = new Wait();
  readonly #waiting: Waiting;

  constructor(budget: TickBudget, bytes: number, settle: (wait: Wait) => void) {
    this.#waiting = budget.wait(bytes, () => settle(this.#wait));
  }

  get promise(): Promise<void> {
    return this.#wait.promise;
  }

  /** One more that waits. */
  join(bytes: number): Promise<void> {
    this.#waiting.operations++;
    this.#waiting.bytes += bytes;
    return this.promise;
  }
}

/** The same promise, whose rejection is not reported as unhandled when nobody awaits it. */
function unreported(rejection: Promise<void>): Promise<void> {
  rejection.catch(ignore);
  return rejection;
}

function ignore(): void {}
