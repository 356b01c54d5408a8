/** Parses a PROXY header of either version from a stream that may be fragmented anywhere. */
import { check } from "../../internet/arguments/check.ts";
import { byteArray } from "../../internet/arguments/kinds.ts";
import { bufferOf } from "../../internet/engine/view.ts";
import { InvalidProxyHeader, type ProxyInfo } from "./info.ts";
import { parseV1, V1_MAX, V1_PREFIX } from "./v1.ts";
import { isDatagramV2, parseV2, V2_ADDRESSES_MAX, V2_FIXED, V2_PREFIX, v2Length } from "./v2.ts";

const NOTHING: Buffer = Buffer.alloc(0);
/** Every header can be parsed from this many bytes; only TLVs come after them. */
const HELD_MAX = V2_FIXED + V2_ADDRESSES_MAX;

/** Parses one header. Never buffers more than 232 bytes. */
export class ProxyHeaderParser {
  /** The received part of the header, up to HELD_MAX bytes. */
  #held = NOTHING;
  #info: ProxyInfo | null = null;
  /** Bytes at the end of the header that are still to come and are ignored. */
  #skip = 0;
  #isDatagram = false;

  /** The contents of the header; null until all of it was fed. */
  get info(): ProxyInfo | null {
    return this.#skip === 0 ? this.#info : null;
  }

  /** Whether the header, of version 2, says that the client sent datagrams. */
  get isDatagram(): boolean {
    return this.#isDatagram;
  }

  /**
   * Feed the next bytes of the stream.
   * @returns how many of them belong to the header: all of them as long as `info` is null
   * @throws InvalidProxyHeader at the first byte that cannot be part of a header; TypeError unless `data` is bytes
   */
  feed(data: Uint8Array): number {
    check("feed(data)", "data", data, byteArray);
    const fed = bufferOf(data);
    if (this.#info !== null) return this.#skipped(fed.length);
    const before = this.#held.length;
    const head = fed.subarray(0, HELD_MAX - before);
    const bytes = before === 0 ? head : Buffer.concat([this.#held, head]);
    const length = this.#parse(bytes);
    if (length < 0) {
      this.#held = before === 0 ? Buffer.from(bytes) : bytes;
      return fed.length;
    }
    this.#held = NOTHING;
    this.#skip = length - before;
    return this.#skipped(fed.length);
  }

  #skipped(available: number): number {
    const count = Math.min(this.#skip, available);
    this.#skip -= count;
    return count;
  }

  /** Set #info from the header that `bytes` start with. Returns the length of the header, or -1 when more bytes are needed. */
  #parse(bytes: Buffer): number {
    if (agrees(bytes, V2_PREFIX)) return this.#parseV2(bytes);
    if (agrees(bytes, V1_PREFIX)) return this.#parseV1(bytes);
    throw new InvalidProxyHeader("The connection does not begin with a PROXY header, which this port requires.");
  }

  #parseV1(bytes: Buffer): number {
    const end = bytes.subarray(0, V1_MAX).indexOf("\r\n");
    if (end < 0) {
      if (bytes.length < V1_MAX) return -1;
      throw new InvalidProxyHeader(`The PROXY header does not end within ${V1_MAX} bytes.`);
    }
    this.#info = parseV1(bytes.toString("latin1", 0, end));
    return end + 2;
  }

  #parseV2(bytes: Buffer): number {
    if (bytes.length < V2_FIXED) return -1;
    const length = v2Length(bytes);
    if (bytes.length < V2_FIXED + Math.min(length, V2_ADDRESSES_MAX)) return -1;
    this.#info = parseV2(bytes);
    this.#isDatagram = isDatagramV2(bytes);
    return V2_FIXED + length;
  }
}

/** Whether `bytes` start with `prefix`, or with a part of it if they are shorter. */
function agrees(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.compare(prefix, 0, length, 0, length) === 0;
}
