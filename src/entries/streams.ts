/** Connections beside the classes: as async iterables, as Node's streams, as web streams; and those as transports. */
export { Connection, type ReadOptions } from "../streams/connection.ts";
export { connectDuplex, duplexFactory, toDuplex } from "../streams/duplex.ts";
export type { DuplexOptions } from "../streams/duplexoptions.ts";
export { type FromDuplexOptions, fromDuplex } from "../streams/duplextransport.ts";
export { FramingError } from "../streams/framer.ts";
export { chunks, type LineOptions, lines, type StringOptions, strings, type TextOptions } from "../streams/frames.ts";
export type { Loop } from "../streams/reading.ts";
export { SocketDuplex } from "../streams/socketduplex.ts";
export type { StringFraming } from "../streams/stringframer.ts";
export { connect, connectionOver, type Handler, handle } from "../streams/takeover.ts";
export { fromWeb, type ToWebOptions, toWeb, type WebStreamPair } from "../streams/web.ts";
export { write } from "../streams/write.ts";
