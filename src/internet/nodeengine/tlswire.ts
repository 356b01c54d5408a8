/** The end of a TLSSocket that is its socket for it: what it sends goes to whom it belongs, and what that receives comes here. */
import type { Duplex } from "node:stream";
import { nodeStream } from "../tls/node.ts";

export type Wire = Duplex;

/** What the TLSSocket sends is carried by `carry`, one call at a time; what is pushed is what it receives. */
export function makeWire(carry: (bytes: Buffer, done: () => void) => void): Wire {
  const { Duplex } = nodeStream();
  const wire = new Duplex({
    allowHalfOpen: true,
    decodeStrings: true,
    read: () => undefined, // pushed when it comes
    write: (bytes: Buffer, _encoding, done) => carry(bytes, done),
    writev: (pieces, done) => carry(Buffer.concat(pieces.map(({ chunk }) => chunk as Buffer)), done),
    final: (done) => done(), // the FIN is its owner's
  });
  // Of its TLSSocket, which tells them.
  return wire.on("error", () => undefined);
}
