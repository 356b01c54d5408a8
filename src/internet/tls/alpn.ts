/** Lists of protocols as ALPN writes them: each behind its length, in one byte. RFC 7301, 3.1. */

export const PROTOCOL_BYTES_MAX = 255;

export function encodeProtocols(protocols: readonly string[]): Buffer {
  return Buffer.concat(protocols.flatMap((each) => [Buffer.of(Buffer.byteLength(each)), Buffer.from(each)]));
}

/** What is cut off at the end is left out. */
export function decodeProtocols(list: Buffer): string[] {
  const protocols: string[] = [];
  for (let at = 0; at < list.length; at += 1 + list[at]!) {
    const end = at + 1 + list[at]!;
    if (end > list.length) break;
    protocols.push(list.toString("utf8", at + 1, end));
  }
  return protocols;
}
