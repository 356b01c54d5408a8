/**
 * Timeouts for idle connections. A close waits until the peer has taken what was written, which one that does not read
 * never does; so a reset follows, once nothing of that was sent for the same time again or 30 s:
 *
 *     period ──► timeoutConnection(), which closes ── period, 30 s at most ──► reset, unless the send queue has shrunk
 */

import { check } from "../../internet/arguments/check.ts";
import { has } from "../../internet/arguments/described.ts";
import { clock as clockKind, type Kind, orNull, seconds } from "../../internet/arguments/kinds.ts";
import type { Failure } from "../../internet/failure.ts";
import type { Address, Bytes, ProtocolLike } from "../../internet/interfaces.ts";
import type { Protocol } from "../../internet/protocol.ts";
import { defaultClock } from "../../internet/reactor/defaultclock.ts";
import { queuedIn, TAKEN_OVER } from "../../internet/stream/sendqueue.ts";
import type { DelayedCall, ReactorTime } from "../../internet/time.ts";
import { ProtocolWrapper, type WrappableFactory, WrappingFactory } from "./wrapper.ts";

/** Seconds without a byte until a TimeoutFactory closes a connection, by default: 30 minutes. */
const IDLE_SECONDS = 30 * 60;
/** Seconds in which what was written must be sent once a timeout has closed the connection; the period, if that is less. */
const FLUSH_SECONDS = 30;

const PERIOD = orNull(seconds);
const CLOCK = orNull(clockKind);
const PROTOCOL_CLASS: Kind = {
  accepts: "a class of protocols",
  typed: (value) => typeof value === "function" && has(value.prototype, "makeConnection"),
};

/** What {@link TimeoutMixin} adds to a protocol. */
export interface Timeouts {
  /** Measures the time; set it before the first setTimeout(). Null: the installed reactor. */
  clock: ReactorTime | null;
  /** Seconds until timeoutConnection(), or null for never. Change it by setTimeout(). */
  timeOut: number | null;
  /**
   * Call timeoutConnection() `period` seconds from now, or never when null.
   * @returns the previous period
   * @throws TypeError or RangeError unless `period` is a number of seconds, 0 or more, or null
   * @throws NoClockError when there is neither a `clock` nor an installed reactor
   */
  setTimeout(period: number | null): number | null;
  /** Restart the period. A no-op when no timeout is set or it has expired. */
  resetTimeout(): void;
  /**
   * The timeout has expired. Closes the connection; override it to do something else, such as abortConnection().
   *
   * If the connection is closing when this returns, an override's own loseConnection() included, it is reset when it is
   * still there a period later, or 30 seconds if that is less, and nothing was sent meanwhile: a peer that does not read
   * would keep it open. One that reads slowly gets all. Otherwise only setTimeout(null) after that and the loss of the
   * connection prevent the reset.
   */
  timeoutConnection(): void;
}

/** The class `B`, with its statics and the parameters of its constructor, plus {@link Timeouts}. */
export type WithTimeouts<B extends new (...args: never[]) => Protocol> = Omit<B, "prototype"> &
  (new (
    ...args: ConstructorParameters<B>
  ) => InstanceType<B> & Timeouts);

/**
 * A subclass of `Base` with an idle timeout, as in `class Session extends TimeoutMixin(LineReceiver)`. No timeout is set
 * before setTimeout(). It is cancelled when another protocol gets the connection, and when that is lost, unless
 * connectionLost() is overridden without a call to super. Until it expires, a connection has one timer, which resetTimeout()
 * reuses, so calling that for every message is cheap.
 * @throws TypeError unless `Base` is a class of protocols
 */
export function TimeoutMixin<B extends new (...args: never[]) => Protocol>(Base: B): WithTimeouts<B> {
  check("TimeoutMixin(Base)", "Base", Base, PROTOCOL_CLASS);
  class TimingOut extends (Base as unknown as new (...args: unknown[]) => Protocol) implements Timeouts {
    clock: ReactorTime | null = null;
    timeOut: number | null = null;
    #call: DelayedCall | null = null;
    /** The reset that follows an expired timeout. */
    #reset: DelayedCall | null = null;
    #lost = false;

    setTimeout(period: number | null): number | null {
      if (period !== null) check("setTimeout(period)", "period", period, PERIOD);
      if (period === null) this.#cancel();
      else if (this.#call?.active()) this.#call.reset(period);
      else this.#call = this.#clockNow.callLater(period, () => this.#expired());
      const before = this.timeOut;
      this.timeOut = period;
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
      this.#lost = true;
      this.#cancel();
      return super.connectionLost(reason);
    }

    [TAKEN_OVER](): void {
      this.#cancel();
      (Base.prototype as { [TAKEN_OVER]?(): void })[TAKEN_OVER]?.call(this);
    }

    get #clockNow(): ReactorTime {
      return this.clock ?? defaultClock();
    }

    #expired(): void {
      const seconds = Math.min(this.timeOut ?? 0, FLUSH_SECONDS);
      try {
        this.timeoutConnection();
      } finally {
        this.#resetIn(seconds);
      }
    }

    #resetIn(seconds: number): void {
      if (this.#lost || this.transport?.disconnecting !== true || this.#reset?.active()) return;
      const queued = queuedIn(this.transport);
      this.#reset = this.#clockNow.callLater(seconds, () => {
        if (queuedIn(this.transport) < queued) this.#resetIn(seconds);
        else this.transport.abortConnection();
      });
    }

    #cancel(): void {
      if (this.#call?.active()) this.#call.cancel();
      if (this.#reset?.active()) this.#reset.cancel();
      this.#call = null;
      this.#reset = null;
    }
  }
  return TimingOut as unknown as WithTimeouts<B>;
}

/**
 * Closes the connection after `timeoutPeriod` seconds in which nothing was received or written. If its peer then takes nothing
 * of what was written for as long, or 30 seconds if that is less, it is reset.
 */
export class TimeoutProtocol<P extends ProtocolLike = ProtocolLike> extends TimeoutMixin(ProtocolWrapper) {
  declare wrappedProtocol: P;
  readonly #timeoutPeriod: number | null;

  /**
   * @param timeoutPeriod seconds; it starts when the connection is made; null: no timeout
   * @throws TypeError | RangeError
   */
  constructor(factory: TimeoutFactory<P>, wrappedProtocol: P, timeoutPeriod: number | null) {
    super(factory, wrappedProtocol);
    check("new TimeoutProtocol(factory, wrappedProtocol, timeoutPeriod)", "timeoutPeriod", timeoutPeriod, PERIOD);
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

  /** The timeout has expired. Closes the connection; override it to do something else. What follows is as for timeoutConnection(). */
  timeoutFunc(): void {
    this.loseConnection();
  }
}

/** Closes each connection of a factory after a period in which nothing was received or written; see {@link TimeoutProtocol}. */
export class TimeoutFactory<P extends ProtocolLike = ProtocolLike> extends WrappingFactory<P, TimeoutProtocol<P>> {
  /** The timeout of new connections in seconds; null: none. */
  timeoutPeriod: number | null;
  /** Measures the time; null: the installed reactor. */
  clock: ReactorTime | null;

  /**
   * @param timeoutPeriod seconds; default: 30 minutes; null: no timeout
   * @param clock default: the installed reactor
   * @throws TypeError | RangeError
   */
  constructor(
    wrappedFactory: WrappableFactory<P>,
    timeoutPeriod: number | null = IDLE_SECONDS,
    clock: ReactorTime | null = null,
  ) {
    super(wrappedFactory);
    const call = `new ${new.target.name}(wrappedFactory, timeoutPeriod, clock)`;
    check(call, "timeoutPeriod", timeoutPeriod, PERIOD);
    check(call, "clock", clock, CLOCK);
    this.timeoutPeriod = timeoutPeriod;
    this.clock = clock;
  }

  override wrapProtocol(wrapped: P, _addr: Address): TimeoutProtocol<P> {
    return new TimeoutProtocol(this, wrapped, this.timeoutPeriod);
  }
}
