/** Long streams of bytes that can be made from and checked at any place: each byte is given by its place alone. */

import { randomBytes } from "node:crypto";

/** A prime: pieces that were exchanged or repeated never fit by chance. */
const PERIOD = 65521;
const TWICE = (() => {
  const once = randomBytes(PERIOD);
  return Buffer.concat([once, once]);
})();

/** `length` bytes of the stream, from `at` on. */
export function flow(length: number, at = 0): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; done += PERIOD) {
    const start = (at + done) % PERIOD;
    TWICE.copy(bytes, done, start, start + Math.min(PERIOD, length - done));
  }
  return bytes;
}

/** Takes the stream piece by piece and compares. */
export class FlowCheck {
  /** Bytes taken so far. */
  at = 0;
  /** Where the first piece stood that was not what was sent, or -1. */
  firstWrong = -1;

  take(piece: Uint8Array): void {
    for (let done = 0; done < piece.length; done += PERIOD) {
      const part = piece.subarray(done, done + PERIOD);
      const start = (this.at + done) % PERIOD;
      if (this.firstWrong < 0 && TWICE.compare(part, 0, part.length, start, start + part.length) !== 0) {
        this.firstWrong = this.at + done;
      }
    }
    this.at += piece.length;
  }
}
