/** skein/streams, for wrongarguments.test.ts. */
import { PassThrough } from "node:stream";
import { ReadableStream, WritableStream } from "node:stream/web";
import * as streams from "../../../src/entries/streams.ts";
import { StringTransport } from "../../../src/entries/testing.ts";
import { Protocol } from "../../../src/internet/protocol.ts";
import { type Call, type Calls, made, method, nothing } from "./call.ts";

const endpoint = { connect: nothing };
const connection = (): streams.Connection => streams.connectionOver(new StringTransport());
const duplex = (): streams.SocketDuplex => new streams.SocketDuplex();

/** A function that takes a transport over from its protocol: it must still have that. */
function takingOver(take: (...args: never[]) => unknown, ...rest: unknown[]): () => Call {
  return () => {
    const transport = new StringTransport();
    const protocol = new Protocol();
    transport.connect(protocol);
    let received = 0;
    protocol.dataReceived = () => {
      received++;
    };
    return {
      call: take,
      good: [transport, ...rest],
      begun: () => {
        received = 0;
        transport.receive("x");
        return [received];
      },
    };
  };
}

export const STREAMS_CALLS: Calls = {
  "Connection.read": method(connection, "read", {}),
  "Connection.switchProtocol": () => {
    const kept = connection();
    return { call: kept.switchProtocol.bind(kept), good: [new Protocol()], begun: () => (kept.lost ? [kept] : []) };
  },
  "Connection.unread": method(connection, "unread", new Uint8Array(1)),
  "SocketDuplex.setTimeout": () => {
    const socket = duplex();
    return {
      call: socket.setTimeout.bind(socket),
      good: [1, nothing],
      begun: () => [socket.timeout, ...socket.listeners("timeout")],
    };
  },
  chunks: takingOver(streams.chunks, {}),
  connect: made(streams.connect, endpoint, {}),
  connectDuplex: made(streams.connectDuplex, endpoint, {}),
  connectionOver: takingOver(streams.connectionOver),
  duplexFactory: made(streams.duplexFactory, nothing, {}),
  fromDuplex: () => {
    const stream = new PassThrough();
    return { call: streams.fromDuplex, good: [stream, new Protocol(), {}], begun: () => stream.listeners("data") };
  },
  fromWeb: () => {
    const pair = { readable: new ReadableStream(), writable: new WritableStream() };
    return {
      call: streams.fromWeb,
      good: [pair, new Protocol(), {}],
      begun: () => [pair.readable.locked, pair.writable.locked],
    };
  },
  handle: made(streams.handle, nothing),
  lines: takingOver(streams.lines, {}),
  strings: takingOver(streams.strings, "int32", {}),
  toDuplex: takingOver(streams.toDuplex, {}),
  toWeb: takingOver(streams.toWeb, {}),
};
