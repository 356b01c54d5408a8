/** Timeouts for idle connections. */

import type { Failure } from "../../internet/failure.ts";
import type { Address, Bytes, ProtocolLike } from "../../internet/interfaces.ts";
import type { Protocol } from "../../internet/protocol.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";
import { ProtocolWrapper, type WrappableFactory, WrappingFactory } from "./wrapper.ts";

/** What {@link TimeoutMixin} adds to a protocol. */
export interface Timeouts {
  /** What measures the time; set it before the first setTimeout(). Null: the installed reactor. */
  clock: ReactorTime | null;
  /** Seconds until timeoutConnection(), or null for never. Change it by setTimeout(). */
  timeOut: number | null;
  /**
   * Call timeoutConnection() `period` seconds from now, or never when null. Returns the period that was in force.
   * @throws NoClockError when there is neither a `clock` nor an installed reactor
   */
  setTimeout(period: number | null): number | null;
  /** Restart the period. A no-op when no timeout is set, or after it has expired. */
  resetTimeout(): void;
  /** The timeout has expired. Closes the connection; override it to do something else, such as abortConnection(). */
  timeoutConnection(): void;
}

/** The class `B`, which keeps its statics and its constructor's arguments, with {@link Timeouts}. */
export type WithTimeouts<B extends new (...args: never[]) => Protocol> = Omit<B, "prototype"> &
  (new (
    ...args: ConstructorParameters<B>
  ) => InstanceType<B> & Timeouts);

/**
 * A class like `Base` that can time its connection out: `class Shy extends TimeoutMixin(LineReceiver)`. Nothing is timed
 * until setTimeout(). The loss of the connection ends the timing, unless connectionLost() is overridden without a call
 * to super. One timer serves the whole connection, so resetTimeout() may be called for every message.
 */
export function TimeoutMixin<B extends new (...args: never[]) => Protocol>(Base: B): WithTimeouts<B> {
  class TimingOut extends (Base as unknown as new (...args: unknown[]) => Protocol) implements Timeouts {
    clock: ReactorTime | null = null;
    timeOut: number | null = null;
    #call: DelayedCall | null = null;

    setTimeout(period: number | null): number | null {
      const before = this.timeOut;
      this.timeOut = period;
      if (period === null) this.#cancel();
      else if (this.#call?.active()) this.#call.reset(period);
      else this.#call = (this.clock ?? defaultClock()).callLater(period, () => this.timeoutConnection());
      return before;
    }

    resetTimeout(): void {
      const call = this.#call;
      if (call !== null && this.timeOut !== null && call.active()) call.reset(this.timeOut);
    }

    timeoutConnection(): void {
      this.transport.loseConnection();
    }

    override connectionLost(reason: Failure): unknown {
      this.#cancel();
      return super.connectionLost(reason);
    }

    #cancel(): void {
      if (this.#call?.active()) this.#call.cancel();
      this.#call = null;
    }
  }
  return TimingOut as unknown as WithTimeouts<B>;
}

/** Closes the connection when it was idle for a while, with nothing received or written. */
export class TimeoutProtocol<P extends ProtocolLike = ProtocolLike> extends TimeoutMixin(ProtocolWrapper) {
  declare wrappedProtocol: P;
  readonly #timeoutPeriod: number | null;

  /** @param timeoutPeriod seconds; it begins when the connection is made. Null: never */
  constructor(factory: TimeoutFactory<P>, wrappedProtocol: P, timeoutPeriod: number | null) {
    super(factory, wrappedProtocol);
    this.clock = factory.clock;
    this.#timeoutPeriod = timeoutPeriod;
  }

  override connectionMade(): void {
    this.setTimeout(this.#timeoutPeriod);
  }

  override write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    super.write(data, encoding, callback);
    this.resetTimeout();
  }

  override dataReceived(data: Buffer): unknown {
    this.resetTimeout();
    return super.dataReceived(data);
  }

  /** Cancel the timeout. */
  cancelTimeout(): void {
    this.setTimeout(null);
  }

  override timeoutConnection(): void {
    this.timeoutFunc();
  }

  /** The period is over. Closes the connection; override it for anything else. */
  timeoutFunc(): void {
    this.loseConnection();
  }
}

/** Closes each connection of a factory that was idle for a while, with nothing received or written. */
export class TimeoutFactory<P extends ProtocolLike = ProtocolLike> extends WrappingFactory<P, TimeoutProtocol<P>> {
  /** Seconds, or null for never. Connections to come have it. */
  timeoutPeriod: number | null;
  /** What measures the time. Null: the installed reactor. */
  clock: ReactorTime | null;

  /**
   * @param timeoutPeriod seconds; 30 minutes by default
   * @param clock default: the installed reactor
   */
  constructor(
    wrappedFactory: WrappableFactory<P>,
    timeoutPeriod: number | null = 30 * 60,
    clock: ReactorTime | null = null,
  ) {
    super(wrappedFactory);
    this.timeoutPeriod = timeoutPeriod;
    this.clock = clock;
  }

  override wrapProtocol(wrapped: P, _addr: Address): TimeoutProtocol<P> {
    return new TimeoutProtocol(this, wrapped, this.timeoutPeriod);
  }
}
