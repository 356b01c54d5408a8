/** Connections beside the classes: as async iterables, as Node's streams, as web streams; and those as transports. */
export { Connection, type ReadOptions } from "./connection.ts";
export { connectDuplex, duplexFactory, toDuplex } from "./duplex.ts";
export { type FromDuplexOptions, fromDuplex } from "./duplextransport.ts";
export { FramingError } from "./framer.ts";
export { chunks, type LineOptions, lines, type StringOptions, strings, type TextOptions } from "./frames.ts";
export type { Loop } from "./reading.ts";
export { type DuplexOptions, SocketDuplex } from "./socketduplex.ts";
export type { StringFraming } from "./stringframer.ts";
export { connect, connectionOver, type Handler, handle } from "./takeover.ts";
export { fromWeb, toWeb, type WebStreamPair } from "./web.ts";
export { write } from "./write.ts";
