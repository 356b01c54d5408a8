/** The small services of the early internet. */
import { Protocol } from "../internet/protocol.ts";

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

/** Seconds from 1900, where the time protocol begins, to 1970. */
const EPOCH_1900 = 2_208_988_800;

/**
 * Sends the time as 32 bits, big-endian, in seconds since 1900, and closes. The number wraps around in 2036.
 * @see https://www.rfc-editor.org/rfc/rfc868
 */
export class Time extends Protocol {
  static override readonly borrows: boolean = true;

  override connectionMade(): void {
    const now = Buffer.allocUnsafe(4);
    now.writeUInt32BE((Math.floor(Date.now() / 1000) + EPOCH_1900) >>> 0);
    this.transport.write(now);
    this.transport.loseConnection();
  }
}
