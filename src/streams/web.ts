/** Connections as web streams, and web streams as transports. */
import { Duplex } from "node:stream";
import { ReadableStream, WritableStream } from "node:stream/web";
import type { Bytes, ProtocolLike, Transport } from "../internet/interfaces.ts";
import { Connection } from "./connection.ts";
import { type FromDuplexOptions, fromDuplex } from "./duplextransport.ts";
import { connectionOver } from "./takeover.ts";

/** Two web streams that are the two directions of a connection. */
export interface WebStreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Bytes>;
}

/**
 * The two directions of a connection as web streams: a byte stream to read, and one to write bytes or text to.
 * Closing `writable` ends this side (half close); the connection is closed when both sides have ended. Cancelling
 * `readable` closes the connection, aborting `writable` cuts it. A transport is taken over from its protocol.
 */
export function toWeb(source: Connection | Transport): WebStreamPair {
  const connection = source instanceof Connection ? source : connectionOver(source);
  const readable = new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        const data = await connection.read();
        const request = controller.byobRequest;
        if (data === null) {
          controller.close();
          request?.respond(0);
        } else if (request === null) {
          // A byte stream takes the whole memory behind a piece away: a piece of its own, therefore.
          controller.enqueue(new Uint8Array(data));
        } else {
          const { buffer, byteOffset, byteLength } = request.view!;
          const fits = Math.min(byteLength, data.length);
          new Uint8Array(buffer, byteOffset, fits).set(data.subarray(0, fits));
          connection.unread(data.subarray(fits));
          request.respond(fits);
        }
      },
      async cancel() {
        await connection.close();
      },
    },
    { highWaterMark: 0 },
  ) as ReadableStream<Uint8Array>;
  const writable = new WritableStream<Bytes>({
    start(controller) {
      connection.closed.then((error) => {
        if (error !== undefined) controller.error(error);
      });
    },
    write: (data) => connection.write(data),
    close: () => connection.end(),
    abort: () => connection.abort(),
  });
  return { readable, writable };
}

/** Run `protocol` over two web streams, as {@link fromDuplex} does over a Duplex. Returns the transport. */
export function fromWeb(
  { readable, writable }: { readonly readable: ReadableStream; readonly writable: WritableStream },
  protocol: ProtocolLike,
  options?: FromDuplexOptions,
): Transport {
  return fromDuplex(Duplex.fromWeb({ readable, writable }, { allowHalfOpen: true }), protocol, options);
}
