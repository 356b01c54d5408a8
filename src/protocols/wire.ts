/** Echo, discard, chargen, QOTD, active users, daytime and time: RFC 862 to 868. */
import { userInfo } from "node:os";
import { check } from "../internet/arguments/check.ts";
import { timeSource } from "../internet/arguments/kinds.ts";
import type { Bytes, PullProducer } from "../internet/interfaces.ts";
import { Protocol } from "../internet/protocol.ts";
import { type TimeSource, wallClock } from "../internet/time.ts";

/**
 * Sends back everything it receives. It pauses reading above the high-water mark, so a client that does not read cannot
 * make its memory grow.
 * @see https://www.rfc-editor.org/rfc/rfc862
 */
export class Echo extends Protocol {
  static override readonly borrows: boolean = true;

  override connectionMade(): void {
    this.transport.registerProducer(this.transport, true);
  }

  override dataReceived(data: Buffer): void {
    this.transport.write(data);
  }
}

/**
 * Discards everything it receives.
 * @see https://www.rfc-editor.org/rfc/rfc863
 */
export class Discard extends Protocol {
  static override readonly borrows: boolean = true;
}

// --- Chargen ---------------------------------------------------------------------------------------------------------

const FIRST_PRINTING = 0x20;
const PRINTING = 95;
const LINE_CHARACTERS = 72;

/** The 95 lines of the cycle: each starts one character later than the one before it. */
function everyLine(): Buffer {
  const lines = Buffer.allocUnsafe(PRINTING * (LINE_CHARACTERS + 2));
  let end = 0;
  for (let line = 0; line < PRINTING; line++) {
    for (let column = 0; column < LINE_CHARACTERS; column++) {
      lines[end++] = FIRST_PRINTING + ((line + column) % PRINTING);
    }
    end = lines.writeUInt16BE(0x0d0a, end);
  }
  return lines;
}

/**
 * Sends lines of printable characters without end, as fast as the client reads them. Discards what it receives.
 * @see https://www.rfc-editor.org/rfc/rfc864
 */
export class Chargen extends Protocol implements PullProducer {
  static override readonly borrows: boolean = true;
  /** The bytes that are sent repeatedly. */
  declare noise: Bytes;

  override connectionMade(): void {
    this.transport.registerProducer(this, false);
  }

  resumeProducing(): void {
    this.transport.write(this.noise);
  }

  stopProducing(): void {
    this.transport.loseConnection();
  }
}

// On the prototype, since every connection has the same: a field of a subclass overrides it.
Chargen.prototype.noise = everyLine();

// --- one message, then close ----------------------------------------------------------------------------------------

/** Sends one message and closes. Discards what it receives. */
abstract class OneMessage extends Protocol {
  static override readonly borrows: boolean = true;

  protected abstract message(): Bytes;

  override connectionMade(): void {
    this.transport.write(this.message());
    this.transport.loseConnection();
  }
}

/**
 * Sends a quote of the day and closes. Override getQuote().
 * @see https://www.rfc-editor.org/rfc/rfc865
 */
export class QOTD extends OneMessage {
  /** The quote, 512 characters at most, with the CR LF at its end. */
  getQuote(): Bytes {
    return "An apple a day keeps the doctor away.\r\n";
  }

  protected override message(): Bytes {
    return this.getQuote();
  }
}

/**
 * Sends the active users, one per line, and closes. Override getUsers().
 * @see https://www.rfc-editor.org/rfc/rfc866
 */
export class Who extends OneMessage {
  /** The users, each followed by CR LF. By default the user of this process, the only one that Node can name. */
  getUsers(): Bytes {
    try {
      return `${userInfo().username}\r\n`;
    } catch {
      return ""; // a user id without a name, as in containers
    }
  }

  protected override message(): Bytes {
    return this.getUsers();
  }
}

/** Sends the time. */
abstract class ClockMessage extends OneMessage {
  /** Tells the seconds since 1970. */
  readonly clock: TimeSource;

  /**
   * @param clock default: the system's clock
   * @throws TypeError
   */
  constructor(clock: TimeSource = wallClock) {
    super();
    check(`new ${new.target.name}(clock)`, "clock", clock, timeSource);
    this.clock = clock;
  }
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * Sends the time of day in UTC as text, as in `Mon Feb 22 17:37:43 1982`, and closes.
 * @see https://www.rfc-editor.org/rfc/rfc867
 */
export class Daytime extends ClockMessage {
  protected override message(): Bytes {
    const now = new Date(this.clock.seconds() * 1000);
    const date = `${DAYS[now.getUTCDay()]} ${MONTHS[now.getUTCMonth()]} ${String(now.getUTCDate()).padStart(2)}`;
    return `${date} ${now.toISOString().slice(11, 19)} ${now.getUTCFullYear()}\r\n`;
  }
}

/** Seconds from 1900, the epoch of the protocol, to 1970. */
const EPOCH_1900 = 2_208_988_800;

/**
 * Sends the time as 32 bits, big-endian, in seconds since 1900, and closes. It overflows in 2036.
 * @see https://www.rfc-editor.org/rfc/rfc868
 */
export class Time extends ClockMessage {
  protected override message(): Bytes {
    const now = Buffer.allocUnsafe(4);
    now.writeUInt32BE((Math.floor(this.clock.seconds()) + EPOCH_1900) >>> 0);
    return now;
  }
}
