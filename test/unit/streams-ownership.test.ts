/** Connections that get another owner, and bytes that are put back or given away. */
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { type Connection, connectionOver, lines, strings, toDuplex, write } from "../../src/entries/streams.ts";
import { Failure } from "../../src/internet/failure.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { budgetOf, OPERATIONS_A_TICK } from "../../src/streams/tickbudget.ts";
import { HOSTILE_VALUES } from "../helpers/hostilevalues.ts";
import { OwningTransport } from "../helpers/owning-transport.ts";

function opened(): { transport: OwningTransport; connection: Connection } {
  const transport = OwningTransport.idle();
  return { transport, connection: connectionOver(transport) };
}

/** A transport whose peer reads nothing: each write fills its buffer. */
function congested(): OwningTransport {
  const transport = OwningTransport.idle();
  const send = transport.write.bind(transport);
  transport.write = (data) => {
    send(data);
    transport.congest();
  };
  return transport;
}

describe("a write that waits for the peer resolves when the connection gets another owner", () => {
  const owners: Readonly<Record<string, (transport: OwningTransport) => unknown>> = {
    "connectionOver()": (transport) => connectionOver(transport),
    "toDuplex()": (transport) => toDuplex(transport),
    "lines()": (transport) => lines(transport),
  };
  for (const [name, takeOver] of Object.entries(owners)) {
    it(name, async () => {
      const transport = congested();
      const waiting = write(transport, "waits");
      takeOver(transport);
      await waiting;
    });
  }

  it("connectionOver(), whose own writes wait for the peer again", async () => {
    const transport = congested();
    void write(transport, "before");
    const connection = connectionOver(transport);
    const waiting = connection.write("after");
    expect(transport.producer).not.toBeNull();
    transport.drain();
    await waiting;
    expect(transport.producer).toBeNull();
  });

  it("Connection.switchProtocol(), whose protocol can register a producer of its own", async () => {
    const transport = congested();
    const connection = connectionOver(transport);
    const waiting = connection.write("waits");
    const producer = { resumeProducing() {}, stopProducing() {} };
    class Producing extends Protocol {
      override connectionMade(): void {
        this.transport.registerProducer(producer, false);
      }
    }
    connection.switchProtocol(new Producing());
    await waiting;
    expect(transport.producer).toBe(producer);
  });
});

describe("Connection.switchProtocol()", () => {
  it("changes nothing when it is not given a protocol", async () => {
    const { transport, connection } = opened();
    transport.receive("unread");
    expect(() => connection.switchProtocol({} as never)).toThrow("next must be a protocol");
    expect([connection.lost, String(await connection.read())]).toEqual([false, "unread"]);
  });

  it("leaves the Connection unable to half-close what is another's", () => {
    const { transport, connection } = opened();
    connection.switchProtocol(new Protocol());
    connection.end();
    expect(transport.halfClosed).toBe(false);
  });
});

describe("bytes that are put back", () => {
  it("are found by the next read after a loop was left while next() was pending", async () => {
    const { transport, connection } = opened();
    const loop = lines(connection);
    const next = loop.next();
    transport.receive("unfinished");
    await loop.return();
    expect([String(await connection.read()), (await next).done]).toEqual(["unfinished", true]);
  });

  it("are found by the next read when `await using` leaves the loop", async () => {
    const { transport, connection } = opened();
    const loop = lines(connection);
    void loop.next();
    transport.receive("unfinished");
    await loop[Symbol.asyncDispose]();
    expect(String(await connection.read())).toBe("unfinished");
  });

  it("go to the pending read, before what is received later", async () => {
    const { transport, connection } = opened();
    const read = connection.read();
    connection.unread(Buffer.from("first"));
    transport.receive("second");
    expect([String(await read), String(await connection.read())]).toEqual(["first", "second"]);
  });

  it("go to the pending read in the next tick when the budget of this one is used up", async () => {
    const { transport, connection } = opened();
    const budget = budgetOf(transport);
    const read = connection.read();
    for (let i = 0; i < OPERATIONS_A_TICK; i++) budget.spend(0);
    connection.unread(Buffer.from("first"));
    transport.receive(" second");
    expect(String(await read)).toBe("first second");
  });
});

it("an item shares no memory with those after it: its owner can transfer it to a worker", async () => {
  const framed = (length: number): Buffer => {
    const string = Buffer.alloc(4 + length, "x");
    string.writeUInt32BE(length);
    return string;
  };
  const { transport, connection } = opened();
  const loop = strings(connection, "int32");
  transport.receive(Buffer.concat([framed(40_000), framed(5)]));
  const { value } = await loop.next();
  structuredClone(value, { transfer: [value!.buffer as ArrayBuffer] });
  const small = (await loop.next()).value!;
  expect([String(small), small.buffer.byteLength]).toEqual(["xxxxx", small.length]);
});

describe.each(Object.entries(HOSTILE_VALUES))("a connection that is lost because of %s", (_name, hostile) => {
  it("settles `closed`, close() and the pending read", async () => {
    const { transport, connection } = opened();
    const reading = connection.read().then(
      () => "read",
      () => "lost",
    );
    transport.current?.connectionLost(new Failure(hostile()));
    await Promise.all([connection.closed, connection.close()]);
    expect([await reading, connection.lost]).toEqual([expect.stringMatching(/read|lost/), true]);
  });

  it("closes its Duplex", async () => {
    const transport = OwningTransport.idle();
    const duplex = toDuplex(transport).on("error", () => undefined);
    const closed = once(duplex, "close").catch(() => undefined);
    transport.current?.connectionLost(new Failure(hostile()));
    await closed;
    expect(duplex.destroyed).toBe(true);
  });
});

it("a connection that is lost because of a thenable that never settles is closed", async () => {
  const { transport, connection } = opened();
  const cause = Object.create(null, { then: { value: () => undefined } });
  transport.current?.connectionLost(new Failure(cause));
  expect(await connection.closed).toMatchObject({ cause });
});
