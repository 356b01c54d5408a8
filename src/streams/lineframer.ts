/** Splits a stream into lines. */
import type { Bytes } from "../internet/interfaces.ts";
import { LineBuffer } from "../protocols/basic/linebuffer.ts";
import { type Framer, FramingError } from "./framer.ts";

/** Splits at delimiters. */
export class LineFramer implements Framer<Buffer> {
  readonly #buffer = new LineBuffer();
  readonly #delimiter: Bytes;
  readonly #maxLength: number;

  constructor(delimiter: Bytes, maxLength: number) {
    this.#delimiter = delimiter;
    this.#maxLength = maxLength;
    this.#buffer.seek(delimiter);
  }

  add(data: Buffer): void {
    this.#buffer.lend(data);
  }

  next(): Buffer | undefined {
    const buffer = this.#buffer;
    const length = buffer.lineLength();
    if (length > this.#maxLength || (length < 0 && buffer.length >= this.#maxLength + buffer.delimiterLength)) {
      buffer.clear();
      throw new FramingError(
        `A line is longer than the limit of ${this.#maxLength} bytes: the peer does not send ` +
          `${JSON.stringify(this.#delimiter.toString())}, or maxLength is too small.`,
      );
    }
    if (length >= 0) return buffer.takeLine(length);
    // Copies the small rest of a chunk, so that the chunk itself can be freed.
    buffer.settle();
    return undefined;
  }

  rest(): Buffer {
    return this.#buffer.takeAll();
  }
}
