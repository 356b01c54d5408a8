/** Splits received bytes into items. */
import { SkeinError } from "../internet/error.ts";

/** Splits bytes into items, one at a time: the items of a chunk take no memory before they are requested. */
export interface Framer<T> {
  /** Add bytes, which the framer owns from now on. */
  add(data: Buffer): void;
  /** The next item; undefined until more bytes are added. @throws FramingError */
  next(): T | undefined;
  /** Remove and return the bytes that do not belong to a returned item. */
  rest(): Buffer;
}

/** Received bytes exceed the maximum length, or violate the framing. */
export class FramingError extends SkeinError {
  override readonly code: string = "ERR_FRAMING";
}

/** Each chunk as it arrived. */
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
    return this.next() ?? NOTHING;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

/** The items of another framer as text. */
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
