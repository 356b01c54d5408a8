/** DER, as far as certificates need it (X.690): what is written, and a reader for what others have written. */

export const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OID: 0x06,
  UTF8_STRING: 0x0c,
  SEQUENCE: 0x30,
  SET: 0x31,
  PRINTABLE_STRING: 0x13,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
} as const;

/** One element: a tag, the length, the contents. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag), lengthOf(body.length), body]);
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return element(TAG.SEQUENCE, ...contents);
}

export function set(...contents: readonly Uint8Array[]): Buffer {
  return element(TAG.SET, ...contents);
}

/** Within an element: of a number that others give a meaning. */
export function tagged(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return element(0xa0 | number, ...contents);
}

/** Of a number that is not negative. */
export function integer(value: number | bigint | Uint8Array): Buffer {
  let bytes: Buffer;
  if (typeof value === "object") bytes = Buffer.from(value);
  else {
    const hex = value.toString(16);
    bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  }
  // A first bit that is set would make it negative.
  return element(TAG.INTEGER, bytes[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

/** As "2.5.4.3". */
export function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split(".").map(Number) as [number, number, ...number[]];
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const digits = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) digits.unshift(0x80 | (left & 0x7f));
    bytes.push(...digits);
  }
  return element(TAG.OID, Buffer.from(bytes));
}

export function utf8(text: string): Buffer {
  return element(TAG.UTF8_STRING, Buffer.from(text, "utf8"));
}

export function octets(bytes: Uint8Array): Buffer {
  return element(TAG.OCTET_STRING, bytes);
}

/** Of whole bytes. */
export function bits(bytes: Uint8Array, unused = 0): Buffer {
  return element(TAG.BIT_STRING, Buffer.of(unused), bytes);
}

export const TRUE: Buffer = element(TAG.BOOLEAN, Buffer.of(0xff));

/** UTCTime until 2049, as RFC 5280, 4.1.2.5 wants it. */
export function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]/g, "").slice(0, 14);
  if (date.getUTCFullYear() < 2050) return element(TAG.UTC_TIME, Buffer.from(`${text.slice(2)}Z`));
  return element(TAG.GENERALIZED_TIME, Buffer.from(`${text}Z`));
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes]);
}

/** An element that was read. */
export interface Element {
  readonly tag: number;
  readonly contents: Buffer;
  /** With its tag and its length. */
  readonly whole: Buffer;
}

/** The elements that stand one behind the other. @throws RangeError for what is no DER */
export function elements(der: Buffer): Element[] {
  const list: Element[] = [];
  let at = 0;
  while (at < der.length) {
    const tag = der[at]!;
    let length = der[at + 1] ?? Number.NaN;
    let header = 2;
    if (length >= 0x80) {
      const size = length & 0x7f;
      if (size === 0 || size > 4) throw new RangeError("This is no DER: a length has more than four bytes, or none.");
      header += size;
      length = at + header <= der.length ? der.readUIntBE(at + 2, size) : Number.NaN;
    }
    const end = at + header + length;
    if (!(end <= der.length)) throw new RangeError("This is no DER: an element is longer than what it stands in.");
    list.push({ tag, contents: der.subarray(at + header, end), whole: der.subarray(at, end) });
    at = end;
  }
  return list;
}

/** "2.5.4.3" */
export function dotted(contents: Buffer): string {
  const parts: number[] = [];
  let value = 0;
  for (const byte of contents) {
    value = value * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    if (parts.length === 0) {
      const first = Math.min(2, Math.floor(value / 40));
      parts.push(first, value - first * 40);
    } else parts.push(value);
    value = 0;
  }
  return parts.join(".");
}
