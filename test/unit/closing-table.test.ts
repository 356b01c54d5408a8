/** The closing rules, cell by cell, on transports that are no reactor's connections. */

import { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { describe } from "vitest";
import { fromDuplex } from "../../src/entries/streams.ts";
import { FakeTransport, IOPump } from "../../src/entries/testing.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { testClosingTable } from "../helpers/closing-table.ts";

/** One end of a stream in memory: what it writes waits until the other side reads. */
class End extends Duplex {
  received = 0;
  ended = false;
  #reading = false;
  #waiting: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: true, autoDestroy: false });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#whenRead(() => {
      this.received += chunk.length;
      done();
    });
  }

  override _final(done: () => void): void {
    this.#whenRead(() => {
      this.ended = true;
      done();
    });
  }

  /** The other side reads from here on. */
  readAll(): void {
    this.#reading = true;
    this.#waiting?.();
    this.#waiting = undefined;
  }

  #whenRead(act: () => void): void {
    if (this.#reading) process.nextTick(act);
    else this.#waiting = act;
  }
}

describe("a Node stream as a transport", () => {
  testClosingTable(async (protocol) => {
    const end = new End();
    const transport = fromDuplex(end, protocol);
    return {
      transport,
      ballast: 64 * 1024,
      received: () => end.received,
      ended: () => end.ended,
      read: () => end.readAll(),
      end: () => {
        end.push(null);
        end.resume();
      },
      step: () => setImmediate(),
    };
  });
});

describe("a transport in memory", () => {
  class Other extends Protocol {
    received = 0;
    ended = false;
    override dataReceived(data: Buffer): void {
      this.received += data.length;
    }
    readConnectionLost(): void {
      this.ended = true;
    }
    override connectionLost(): void {
      this.ended = true;
    }
  }

  testClosingTable(async (protocol) => {
    const other = new Other();
    const [server, client] = [new FakeTransport(protocol, true), new FakeTransport(other, false)];
    const pump = new IOPump(other, protocol, client, server);
    let reading = false;
    protocol.makeConnection(server);
    other.makeConnection(client);
    return {
      transport: server,
      ballast: 0,
      received: () => other.received,
      ended: () => other.ended,
      read: () => {
        reading = true;
      },
      end: () => {
        client.loseWriteConnection();
        // What the other side sends arrives, though it does not read.
        server.arrive(client.takeOutput());
      },
      step: async () => {
        await setImmediate();
        if (reading || server.disconnectReason !== null) pump.pump();
      },
    };
  });
});
