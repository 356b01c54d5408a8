/**
 * Answer a chunk in `count` separate writes, as a protocol does that writes a header, a length and a body. The chunk is
 * cut the same way by every server, so what they are measured by is what they do with the writes.
 */
export function writeInPieces(sink, data, count) {
  const piece = Math.floor(data.length / count);
  for (let i = 0; i < count - 1; i++) sink.write(data.subarray(i * piece, (i + 1) * piece));
  sink.write(data.subarray((count - 1) * piece));
}
