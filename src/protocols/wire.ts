/** The small services of the early internet. */
import { userInfo } from "node:os";
import type { Bytes, PullProducer } from "../internet/interfaces.ts";
import { Protocol } from "../internet/protocol.ts";
import { type TimeSource, wallClock } from "../internet/time.ts";

/**
 * Sends back whatever it receives. It reads no further while a client that does not read has much waiting for it, so
 * no client makes it grow.
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
 * Throws away whatever it receives.
 * @see https://www.rfc-editor.org/rfc/rfc863
 */
export class Discard extends Protocol {
  static override readonly borrows: boolean = true;
}

// --- Chargen ---------------------------------------------------------------------------------------------------------

const FIRST_PRINTING = 0x20;
const PRINTING = 95;
const LINE_CHARACTERS = 72;

/** Every line there is: each begins one character further than the one before, and the last is followed by the first. */
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
 * Sends lines of printing characters without end, as fast as the client reads and no faster. What it receives is
 * thrown away.
 * @see https://www.rfc-editor.org/rfc/rfc864
 */
export class Chargen extends Protocol implements PullProducer {
  static override readonly borrows: boolean = true;
  /** What is sent, again and again. */
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

// --- one message, and good bye ---------------------------------------------------------------------------------------

/** Says what it has to say, and closes. What it receives is thrown away. */
abstract class Announcement extends Protocol {
  static override readonly borrows: boolean = true;

  protected abstract say(): Bytes;

  override connectionMade(): void {
    this.transport.write(this.say());
    this.transport.loseConnection();
  }
}

/**
 * Sends the quote of the day, and closes. Override getQuote().
 * @see https://www.rfc-editor.org/rfc/rfc865
 */
export class QOTD extends Announcement {
  /** The quote, 512 characters at most, with the CR LF at its end. */
  getQuote(): Bytes {
    return "An apple a day keeps the doctor away.\r\n";
  }

  protected override say(): Bytes {
    return this.getQuote();
  }
}

/**
 * Sends who uses the machine, one to a line, and closes. Override getUsers().
 * @see https://www.rfc-editor.org/rfc/rfc866
 */
export class Who extends Announcement {
  /** The users, each with CR LF. Node knows of one only: the one whose process this is, unless that has no name. */
  getUsers(): Bytes {
    try {
      return `${userInfo().username}\r\n`;
    } catch {
      return ""; // a number without an entry in the list of users, as containers have it
    }
  }

  protected override say(): Bytes {
    return this.getUsers();
  }
}

/** Says what time it is. */
abstract class Clockwork extends Announcement {
  /** Tells the seconds since 1970. */
  readonly clock: TimeSource;

  /** @param clock the system's clock unless another is given */
  constructor(clock: TimeSource = wallClock) {
    super();
    this.clock = clock;
  }
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * Sends the time of day in UTC for people, as in `Mon Feb 22 17:37:43 1982`, and closes.
 * @see https://www.rfc-editor.org/rfc/rfc867
 */
export class Daytime extends Clockwork {
  protected override say(): Bytes {
    const now = new Date(this.clock.seconds() * 1000);
    const date = `${DAYS[now.getUTCDay()]} ${MONTHS[now.getUTCMonth()]} ${String(now.getUTCDate()).padStart(2)}`;
    return `${date} ${now.toISOString().slice(11, 19)} ${now.getUTCFullYear()}\r\n`;
  }
}

/** Seconds from 1900, where the time protocol begins, to 1970. */
const EPOCH_1900 = 2_208_988_800;

/**
 * Sends the time as 32 bits, big-endian, in seconds since 1900, and closes. The number wraps around in 2036.
 * @see https://www.rfc-editor.org/rfc/rfc868
 */
export class Time extends Clockwork {
  protected override say(): Bytes {
    const now = Buffer.allocUnsafe(4);
    now.writeUInt32BE((Math.floor(this.clock.seconds()) + EPOCH_1900) >>> 0);
    return now;
  }
}
