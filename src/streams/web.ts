/** Connections as web streams, and web streams as transports. */
import { Duplex } from "node:stream";
import {
  ReadableStream,
  type StreamPipeOptions,
  WritableStream,
  type WritableStreamDefaultController,
} from "node:stream/web";
import { onAbort } from "../internet/defer/onabort.ts";
import type { Bytes, ProtocolLike, Transport } from "../internet/interfaces.ts";
import { Connection } from "./connection.ts";
import { type FromDuplexOptions, fromDuplex } from "./duplextransport.ts";
import { connectionOver } from "./takeover.ts";

/** Two web streams that are the two directions of a connection. */
export interface WebStreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Bytes>;
}

/** How a connection behaves as web streams. */
export interface ToWebOptions {
  /** Cuts the connection when it aborts, also while a write waits for a slow peer. */
  readonly signal?: AbortSignal;
}

/**
 * The two directions of a connection as web streams: a byte stream to read, and one to write bytes or text to.
 * Closing `writable` ends this side (half close); the connection is closed when both sides have ended. Cancelling
 * `readable` closes the connection, aborting `writable` cuts it at once. A transport is taken over from its protocol.
 *
 * `pipeTo(writable, { signal })` of any other stream heeds its signal only when the write that is under way has been
 * done, as the standard has it. Give the same signal to toWeb(), where a slow peer must not hold it up. `pipeTo()` of a
 * `readable` of toWeb() needs no such thing.
 */
export function toWeb(source: Connection | Transport, options: ToWebOptions = {}): WebStreamPair {
  const connection = source instanceof Connection ? source : connectionOver(source);
  const readable = readableOf(connection);
  const writable = writableOf(connection);
  const { signal } = options;
  if (signal !== undefined) connection.closed.then(cutOnAbort(writable, signal));
  return { readable, writable };
}

/** How the connections behind writables are cut, with the reason that their writes are rejected with. */
const cuts = new WeakMap<WritableStream, (reason: unknown) => void>();

/** What Node's types leave out. */
type AbortableController = WritableStreamDefaultController & { readonly signal: AbortSignal };

function writableOf(connection: Connection): WritableStream<Bytes> {
  let cut: { readonly reason: unknown } | null = null;
  const writable = new WritableStream<Bytes>({
    start(controller) {
      connection.closed.then((error) => {
        if (error !== undefined) controller.error(error);
      });
      // abort() below is called only when the write that is under way has been done.
      const { signal } = controller as AbortableController;
      onAbort(signal, () => cuts.get(writable)?.(signal.reason));
    },
    async write(data) {
      try {
        await connection.write(data);
      } catch (error) {
        throw cut === null ? error : cut.reason;
      }
    },
    close: () => connection.end(),
    abort: () => connection.abort(),
  });
  cuts.set(writable, (reason) => {
    cut ??= { reason };
    void connection.abort();
  });
  return writable;
}

/** What a connection receives, as a byte stream. */
function readableOf(connection: Connection): ReadableStream<Uint8Array> {
  const readable = new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        const request = controller.byobRequest;
        const room = request?.view?.byteLength;
        const data = await (room === undefined ? connection.read() : connection.readUpTo(room));
        if (data === null) {
          controller.close();
          request?.respond(0);
        } else if (request === null) {
          // A byte stream detaches the whole ArrayBuffer of a chunk, so the chunk gets one of its own.
          controller.enqueue(new Uint8Array(data));
        } else {
          const { buffer, byteOffset } = request.view!;
          new Uint8Array(buffer, byteOffset, data.length).set(data);
          request.respond(data.length);
        }
      },
      async cancel() {
        await connection.close();
      },
    },
    { highWaterMark: 0 },
  ) as ReadableStream<Uint8Array>;
  readable.pipeTo = pipeTo;
  return readable;
}

/** The standard's pipeTo() waits for the write that is under way before it heeds the signal: cut what that waits for. */
function pipeTo(this: ReadableStream, destination: WritableStream, options?: StreamPipeOptions): Promise<void> {
  const ours = destination?.locked === false && cuts.has(destination);
  const piped = ReadableStream.prototype.pipeTo.call(this, destination, options);
  const signal = options?.signal;
  if (!ours || signal == null || options?.preventAbort) return piped;
  const release = cutOnAbort(destination, signal);
  piped.then(release, release);
  return piped;
}

/** Cut the connection behind `writable` when `signal` aborts. @returns a function after which it does not */
function cutOnAbort(writable: WritableStream, signal: AbortSignal): () => void {
  const cut = (): void => cuts.get(writable)?.(signal.reason);
  if (!signal.aborted) return onAbort(signal, cut);
  cut();
  return () => undefined;
}

/** Run `protocol` over two web streams, as {@link fromDuplex} does over a Duplex. Returns the transport. */
export function fromWeb(
  { readable, writable }: { readonly readable: ReadableStream; readonly writable: WritableStream },
  protocol: ProtocolLike,
  options?: FromDuplexOptions,
): Transport {
  return fromDuplex(Duplex.fromWeb({ readable, writable }, { allowHalfOpen: true }), protocol, options);
}
