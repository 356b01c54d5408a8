/** Protocols and producers that record events. */
import { check } from "../internet/arguments/check.ts";
import { type Kind, withMethods } from "../internet/arguments/kinds.ts";
import { Deferred } from "../internet/defer/deferred.ts";
import type { Failure } from "../internet/failure.ts";
import type { Consumer, PullProducer } from "../internet/interfaces.ts";
import { Protocol } from "../internet/protocol.ts";

/** A protocol that stores everything it receives. */
export class AccumulatingProtocol extends Protocol {
  /** How often connectionMade() was called. */
  made = 0;
  /** The reason of the loss, once the connection is lost. */
  closedReason: Failure | null = null;
  /** Fires with this protocol when the connection is established. */
  readonly whenMade = new Deferred<this>();
  /** Fires with the reason when the connection is lost; it does not fail. */
  readonly whenLost = new Deferred<{ readonly reason: Failure }>();

  /** The received bytes, with room for more after them. */
  #memory: Buffer = Buffer.alloc(0);
  #length = 0;

  /** The received bytes. Set it to start again. */
  get data(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  set data(data: Buffer) {
    this.#memory = data;
    this.#length = data.length;
  }

  override connectionMade(): void {
    this.made++;
    if (!this.whenMade.called) this.whenMade.callback(this);
  }

  override dataReceived(data: Buffer): void {
    const length = this.#length + data.length;
    if (length > this.#memory.length) {
      const grown = Buffer.allocUnsafeSlow(2 * length);
      this.#memory.copy(grown, 0, 0, this.#length);
      this.#memory = grown;
    }
    data.copy(this.#memory, this.#length);
    this.#length = length;
  }

  override connectionLost(reason: Failure): void {
    this.closedReason = reason;
    if (!this.whenLost.called) this.whenLost.callback({ reason });
  }
}

const CONSUMER: Kind = withMethods("a consumer", "write", "unregisterProducer");

/** A pull producer that writes a counter at each resumeProducing(), until stopProducing(). */
export class NonStreamingProducer implements PullProducer {
  counter = 0;
  stopped = false;
  private consumer: Consumer | null;

  /** @throws TypeError when `consumer` has no write() or unregisterProducer() */
  constructor(consumer: Consumer) {
    check("new NonStreamingProducer(consumer)", "consumer", consumer, CONSUMER);
    this.consumer = consumer;
  }

  resumeProducing(): void {
    if (this.consumer === null || this.stopped) return;
    this.consumer.write(String(this.counter));
    this.counter++;
  }

  stopProducing(): void {
    this.stopped = true;
    this.consumer?.unregisterProducer();
    this.consumer = null;
  }
}
