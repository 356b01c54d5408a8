/** Parses a PROXY header of either version from a stream that may be fragmented anywhere. */
import { InvalidProxyHeader, type ProxyInfo } from "./info.ts";
import { parseV1, V1_MAX, V1_PREFIX } from "./v1.ts";
import { parseV2, V2_ADDRESSES_MAX, V2_FIXED, V2_PREFIX, v2Length } from "./v2.ts";

const NOTHING: Buffer = Buffer.alloc(0);
/** Every header is judged by this many bytes at the latest; what is behind them is TLVs. */
const HELD_MAX = V2_FIXED + V2_ADDRESSES_MAX;

/** Reads one header. It never keeps more than 232 bytes. */
export class ProxyHeaderParser {
  /** What was received of the header, up to HELD_MAX bytes. */
  #held = NOTHING;
  #info: ProxyInfo | null = null;
  /** Bytes of the header that are still to come and do not matter. */
  #skip = 0;

  /** What the header says, once all of it was fed. */
  get info(): ProxyInfo | null {
    return this.#skip === 0 ? this.#info : null;
  }

  /**
   * Feed the next bytes of the stream. Returns how many of them belong to the header; all of them do while there is no
   * `info`.
   * @throws InvalidProxyHeader at the first byte that no header has there
   */
  feed(data: Buffer): number {
    if (this.#info !== null) return this.#skipped(data.length);
    const before = this.#held.length;
    const head = data.subarray(0, HELD_MAX - before);
    const bytes = before === 0 ? head : Buffer.concat([this.#held, head]);
    const length = this.#judge(bytes);
    if (length < 0) {
      this.#held = before === 0 ? Buffer.from(bytes) : bytes;
      return data.length;
    }
    this.#held = NOTHING;
    this.#skip = length - before;
    return this.#skipped(data.length);
  }

  #skipped(available: number): number {
    const count = Math.min(this.#skip, available);
    this.#skip -= count;
    return count;
  }

  /** Bytes in the whole header that `bytes` begin with, whose info is known then; -1 when more of it is needed. */
  #judge(bytes: Buffer): number {
    if (agrees(bytes, V2_PREFIX)) return this.#judgeV2(bytes);
    if (agrees(bytes, V1_PREFIX)) return this.#judgeV1(bytes);
    throw new InvalidProxyHeader("The connection does not begin with a PROXY header, which this port requires.");
  }

  #judgeV1(bytes: Buffer): number {
    const end = bytes.subarray(0, V1_MAX).indexOf("\r\n");
    if (end < 0) {
      if (bytes.length < V1_MAX) return -1;
      throw new InvalidProxyHeader(`The PROXY header does not end within ${V1_MAX} bytes.`);
    }
    this.#info = parseV1(bytes.toString("latin1", 0, end));
    return end + 2;
  }

  #judgeV2(bytes: Buffer): number {
    if (bytes.length < V2_FIXED) return -1;
    const length = v2Length(bytes);
    if (bytes.length < V2_FIXED + Math.min(length, V2_ADDRESSES_MAX)) return -1;
    this.#info = parseV2(bytes);
    return V2_FIXED + length;
  }
}

/** Whether `bytes` begin with `prefix`, as far as there are any. */
function agrees(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.compare(prefix, 0, length, 0, length) === 0;
}
