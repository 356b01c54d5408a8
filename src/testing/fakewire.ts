/** The items that travel between two FakeTransports: bytes, simulated handshakes, and ends. */

import { type Kind, object } from "../internet/arguments/kinds.ts";

/** The argument of startTLS() in a test. */
export interface FakeContext {
  /** Whether the other side's context is accepted. Default: every context is. */
  iosimVerify?(other: FakeContext): boolean;
}

/** The only message of a simulated handshake. */
export class Hello {
  readonly context: FakeContext;
  /** Whether it comes from the server of TLS. */
  readonly server: boolean;

  constructor(context: FakeContext, server: boolean) {
    this.context = context;
    this.server = server;
  }
}

/** The FIN of one direction. */
export const END = Symbol("end");

/** The other side has closed the connection. */
export const CLOSED = Symbol("closed");

/** One item that travels from one side to the other, in order. */
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
