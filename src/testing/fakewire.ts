/** The items that travel between two FakeTransports: bytes, simulated handshakes, and ends. */

/** What a protocol passes to startTLS() in a test. */
export interface FakeContext {
  /** Whether the other side's context is acceptable. Default: everything is. */
  iosimVerify?(other: FakeContext): boolean;
}

/** A protocol that is told when the handshake is done. */
export interface FakeHandshakeListener {
  handshakeCompleted(): void;
}

/** The greeting of a simulated handshake. */
export class Hello {
  readonly context: FakeContext;

  constructor(context: FakeContext) {
    this.context = context;
  }
}

/** The end of one direction. */
export const END = Symbol("end");

/** The other side has closed the connection. */
export const CLOSED = Symbol("closed");

/** One thing that is carried, in the order in which it was sent. */
export type Item = Buffer | Hello | typeof END | typeof CLOSED;
