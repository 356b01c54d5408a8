/** The items that travel between two FakeTransports: bytes, simulated handshakes, and ends. */

import { type Kind, object } from "../internet/arguments/kinds.ts";

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

export const ITEM: Kind = {
  accepts: "Buffers and what takeOutput() returned beside them",
  typed: (value) => Buffer.isBuffer(value) || value instanceof Hello || value === END || value === CLOSED,
};

export const CONTEXT: Kind = {
  accepts: "an object, whose iosimVerify is a method if there is one",
  typed: (value) => {
    if (!object.typed(value)) return false;
    const { iosimVerify } = value as { iosimVerify?: unknown };
    return iosimVerify === undefined || typeof iosimVerify === "function";
  },
};
