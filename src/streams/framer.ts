/** What cuts received bytes into items. */
import { SkeinError } from "../internet/error.ts";

/** Cuts bytes into items, one at a time, so that many small ones in one chunk take no memory before they are wanted. */
export interface Framer<T> {
  /** Add bytes, which are this framer's from here on. */
  add(data: Buffer): void;
  /** The next item, or undefined until more bytes were added. @throws what is wrong with them */
  next(): T | undefined;
  /** The bytes that were added and belong to no item that was given out. They are forgotten here. */
  rest(): Buffer;
}

/** What came is longer than it may be, or is not in the form that was asked for. */
export class FramingError extends SkeinError {
  override readonly code: string = "ERR_FRAMING";
}

/** Each piece as it came. */
export class PieceFramer implements Framer<Buffer> {
  #piece: Buffer | undefined;

  add(data: Buffer): void {
    this.#piece = data;
  }

  next(): Buffer | undefined {
    const piece = this.#piece;
    this.#piece = undefined;
    return piece;
  }

  rest(): Buffer {
    return this.#piece ?? NOTHING;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

/** The items of another framer as text. A character is never cut, unless the peer cut it. */
export class TextFramer implements Framer<string> {
  readonly #framer: Framer<Buffer>;
  readonly #encoding: BufferEncoding;

  constructor(framer: Framer<Buffer>, encoding: BufferEncoding) {
    this.#framer = framer;
    this.#encoding = encoding;
  }

  add(data: Buffer): void {
    this.#framer.add(data);
  }

  next(): string | undefined {
    return this.#framer.next()?.toString(this.#encoding);
  }

  rest(): Buffer {
    return this.#framer.rest();
  }
}
