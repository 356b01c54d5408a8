/** The closing rules, cell by cell, on transports that are no reactor's connections. */

import { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { describe } from "vitest";
import { Bucket, ShapedProtocolFactory } from "../../src/entries/protocols/htb.ts";
import { ThrottlingFactory } from "../../src/entries/protocols/policies.ts";
import { fromDuplex } from "../../src/entries/streams.ts";
import { FakeTransport, IOPump, StringTransportWithDisconnection } from "../../src/entries/testing.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import type { Bytes } from "../../src/internet/interfaces.ts";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { Clock } from "../../src/testing/clock.ts";
import { type Rig, testClosingTable } from "../helpers/closing-table.ts";

const ADDRESS = new IPv4Address("TCP", "127.0.0.1", 1);

function factoryOf(protocol: Protocol): Factory {
  const factory = new Factory();
  factory.buildProtocol = () => protocol;
  return factory;
}

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

/** `protocol` connected in memory. `read` and `step` are called before the other side reads, and before each step. */
function inMemory(protocol: Protocol, read: () => void = () => {}, step: () => void = () => {}): Rig {
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
      read();
    },
    end: () => {
      client.loseWriteConnection();
      // What the other side sends arrives, though it does not read.
      server.arrive(client.takeOutput());
    },
    step: async () => {
      await setImmediate();
      step();
      if (reading || server.disconnectReason !== null) pump.pump();
    },
  };
}

describe("a transport in memory", () => {
  testClosingTable(async (protocol) => inMemory(protocol));
});

/** A StringTransport whose peer reads when it is told to: before, each write pauses the producer, and nothing closes. */
class Unread extends StringTransportWithDisconnection {
  reading = false;
  closes = false;
  override write(data: Bytes): void {
    super.write(data);
    if (!this.reading) this.congest();
  }
  protected override sendThenClose(): void {
    this.closes = true;
  }
  step(): void {
    if (!this.reading) return;
    this.drain();
    if (this.closes) this.lose();
  }
}

describe("a StringTransport", () => {
  testClosingTable(async (protocol) => {
    const transport = new Unread({ lenient: true }).connect(protocol);
    return {
      transport,
      ballast: 0,
      received: () => (transport.reading ? transport.value().length : 0),
      ended: () => transport.writeDisconnected || transport.disconnected,
      read: () => {
        transport.reading = true;
      },
      end: () => transport.receiveEnd(),
      step: async () => {
        await setImmediate();
        transport.step();
      },
    };
  });
});

describe("a transport behind a bucket", () => {
  testClosingTable(async (protocol) => {
    const clock = new Clock();
    const bucket = new Bucket(null, clock);
    bucket.maxburst = 0;
    bucket.rate = 1;
    const factory = new ShapedProtocolFactory(factoryOf(protocol), { getBucketFor: () => bucket }, clock);
    const wrapper = factory.buildProtocol(ADDRESS)!;
    // Nothing passes before the other side reads; then everything does, as soon as time goes on.
    const read = (): void => {
      bucket.maxburst = null;
      bucket.rate = null;
    };
    const step = (): void => {
      if (bucket.rate === null) clock.advance(1);
    };
    return { ...inMemory(wrapper, read, step), transport: wrapper, ballast: 64 * 1024 };
  });
});

describe("a transport that is throttled", () => {
  testClosingTable(async (protocol) => {
    const clock = new Clock();
    const factory = new ThrottlingFactory(factoryOf(protocol), { writeLimit: 32 * 1024, clock });
    const wrapper = factory.buildProtocol(ADDRESS)!;
    let reading = false;
    const read = (): void => {
      reading = true;
    };
    const step = (): void => {
      if (reading) clock.advance(10);
    };
    // The transport below has room for all that the limit lets through, so only the limit pauses a producer.
    return { ...inMemory(wrapper, read, step), transport: wrapper };
  });
});
