/** Connections as web streams, and web streams as transports. */
import { Duplex } from "node:stream";
import {
  ReadableStream,
  type StreamPipeOptions,
  WritableStream,
  type WritableStreamDefaultController,
} from "node:stream/web";
import { check, checkOptions, type OptionKinds } from "../internet/arguments/check.ts";
import { abortSignal, type Kind } from "../internet/arguments/kinds.ts";
import { ensureProtocol } from "../internet/arguments/transports.ts";
import { onAbort } from "../internet/defer/onabort.ts";
import type { Bytes, ProtocolLike, Transport } from "../internet/interfaces.ts";
import { Connection } from "./connection.ts";
import { ensureFromDuplexOptions, type FromDuplexOptions, fromDuplex } from "./duplextransport.ts";
import { SOURCE, takeOver } from "./takeover.ts";

/** The two directions of a connection as web streams. */
export interface WebStreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Bytes>;
}

/** Options of toWeb(). */
export interface ToWebOptions {
  /** Aborts the connection when it aborts, also while a write waits for a slow peer. */
  readonly signal?: AbortSignal;
}

const TO_WEB = "toWeb(source, options)";
const TO_WEB_OPTIONS: OptionKinds<ToWebOptions> = { signal: abortSignal };
const FROM_WEB = "fromWeb(pair, protocol, options)";
const PAIR: Kind = {
  accepts: "an object with a ReadableStream and a WritableStream, readable and writable",
  typed: (value) => {
    const { readable, writable } = (value ?? {}) as Partial<WebStreamPair>;
    return readable instanceof ReadableStream && writable instanceof WritableStream;
  },
};

/**
 * The two directions of a connection as web streams: a byte stream to read, and one to write bytes or text to.
 * Closing `writable` half-closes; the connection is closed when both sides have done so. Cancelling `readable` closes the
 * connection, and aborting `writable` aborts it. A transport is taken over from its protocol.
 *
 * As the standard requires, `pipeTo(writable, { signal })` of any other stream reacts to its signal only when the pending
 * write has finished, which can take forever with a slow peer. To avoid that, pass the same signal to toWeb(). `pipeTo()`
 * of a `readable` of toWeb() reacts at once.
 * @throws TypeError
 */
export function toWeb(source: Connection | Transport, options: ToWebOptions = {}): WebStreamPair {
  check(TO_WEB, "source", source, SOURCE);
  const { signal } = checkOptions<ToWebOptions>(TO_WEB, options, TO_WEB_OPTIONS);
  const connection = source instanceof Connection ? source : takeOver(source);
  const readable = readableOf(connection);
  const writable = writableOf(connection);
  if (signal !== undefined) connection.closed.then(abortOnSignal(writable, signal));
  return { readable, writable };
}

/** For each writable, a function that aborts its connection and rejects its writes with a reason. */
const aborts = new WeakMap<WritableStream, (reason: unknown) => void>();

/** What Node's types leave out. */
type AbortableController = WritableStreamDefaultController & { readonly signal: AbortSignal };

function writableOf(connection: Connection): WritableStream<Bytes> {
  let aborted: { readonly reason: unknown } | null = null;
  const writable = new WritableStream<Bytes>({
    start(controller) {
      connection.closed.then((error) => {
        if (error !== undefined) controller.error(error);
      });
      // abort() below is called only when the pending write has finished.
      const { signal } = controller as AbortableController;
      onAbort(signal, () => aborts.get(writable)?.(signal.reason));
    },
    async write(data) {
      try {
        await connection.write(data);
      } catch (error) {
        throw aborted === null ? error : aborted.reason;
      }
    },
    close: () => connection.end(),
    abort: () => connection.abort(),
  });
  aborts.set(writable, (reason) => {
    aborted ??= { reason };
    void connection.abort();
  });
  return writable;
}

/** The received bytes as a byte stream. */
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
          // A byte stream detaches the ArrayBuffer of a chunk, so the chunk needs its own.
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

/** The standard's pipeTo() reacts to its signal only after the pending write: abort the connection, which ends the write. */
function pipeTo(this: ReadableStream, destination: WritableStream, options?: StreamPipeOptions): Promise<void> {
  const ours = destination?.locked === false && aborts.has(destination);
  const piped = ReadableStream.prototype.pipeTo.call(this, destination, options);
  const signal = options?.signal;
  if (!ours || signal == null || options?.preventAbort) return piped;
  const release = abortOnSignal(destination, signal);
  piped.then(release, release);
  return piped;
}

/** Abort the connection of `writable` when `signal` aborts. @returns a function that removes the listener */
function abortOnSignal(writable: WritableStream, signal: AbortSignal): () => void {
  const abort = (): void => aborts.get(writable)?.(signal.reason);
  if (!signal.aborted) return onAbort(signal, abort);
  abort();
  return () => undefined;
}

/**
 * Run `protocol` over two web streams, as {@link fromDuplex} does over a Duplex. Returns the transport.
 * @throws TypeError; then the streams are not locked
 */
export function fromWeb(
  pair: { readonly readable: ReadableStream; readonly writable: WritableStream },
  protocol: ProtocolLike,
  options: FromDuplexOptions = {},
): Transport {
  check(FROM_WEB, "pair", pair, PAIR);
  ensureProtocol(FROM_WEB, protocol);
  const checked = ensureFromDuplexOptions(FROM_WEB, options);
  const { readable, writable } = pair;
  return fromDuplex(Duplex.fromWeb({ readable, writable }, { allowHalfOpen: true }), protocol, checked);
}
