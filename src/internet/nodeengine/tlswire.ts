/** The end of a TLSSocket that is its socket for it: what it sends goes to whom it belongs, and what that receives comes here. */
import { Duplex } from "node:stream";

export class Wire extends Duplex {
  private readonly carry: (bytes: Buffer, done: () => void) => void;

  constructor(carry: (bytes: Buffer, done: () => void) => void) {
    super({ allowHalfOpen: true, decodeStrings: true });
    this.carry = carry;
    // Of its TLSSocket, which tells them.
    this.on("error", () => undefined);
  }

  override _read(): void {
    // Pushed when it comes.
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.carry(bytes, done);
  }

  override _writev(pieces: { readonly chunk: Buffer }[], done: () => void): void {
    this.carry(Buffer.concat(pieces.map(({ chunk }) => chunk)), done);
  }

  /** The FIN is its owner's. */
  override _final(done: () => void): void {
    done();
  }
}
