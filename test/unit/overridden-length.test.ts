/** Bytes whose `length` is overridden are taken as what they are: no memory of others is sent, delivered or counted. */
import { describe, expect, it } from "vitest";
import { FileSender, Int16StringReceiver, LineReceiver, NetstringReceiver } from "../../src/entries/protocols/basic.ts";
import { ProxyHeaderParser } from "../../src/entries/protocols/haproxy.ts";
import { Bucket, ShapedConsumer } from "../../src/entries/protocols/htb.ts";
import { MemCacheProtocol } from "../../src/entries/protocols/memcache.ts";
import { ThrottlingFactory, TrafficLoggingFactory } from "../../src/entries/protocols/policies.ts";
import { connectionOver, write } from "../../src/entries/streams.ts";
import { Clock, StringTransport } from "../../src/entries/testing.ts";
import type { Bytes, PullProducer } from "../../src/internet/interfaces.ts";
import type { Protocol } from "../../src/internet/protocol.ts";
import { budgetOf } from "../../src/streams/tickbudget.ts";
import { turns } from "../helpers/gate.ts";
import { connect, keepers } from "../helpers/wrapped.ts";

/** Three bytes that claim to be more, fewer or none. */
const CLAIMS = [3000, 60, 1, 0, -5, Number.NaN];

function lying(claim: number, text = "abc"): Uint8Array {
  return Object.defineProperty(Buffer.from(new Uint8Array(Buffer.from(text)).buffer), "length", { value: claim });
}

function over<P extends Protocol>(protocol: P): { protocol: P; transport: StringTransport } {
  return { protocol, transport: new StringTransport().connect(protocol) };
}

const sent: Readonly<Record<string, (bytes: Uint8Array) => [StringTransport, string]>> = {
  "Int16StringReceiver.sendString()": (bytes) => {
    const { protocol, transport } = over(new Int16StringReceiver());
    protocol.sendString(bytes);
    return [transport, "\0\x03abc"];
  },
  "NetstringReceiver.sendString()": (bytes) => {
    const { protocol, transport } = over(new NetstringReceiver());
    protocol.sendString(bytes);
    return [transport, "3:abc,"];
  },
  "MemCacheProtocol.set()": (bytes) => {
    const { protocol, transport } = over(new MemCacheProtocol({ timeOut: null }));
    protocol.set("key", bytes).addErrback(() => undefined);
    return [transport, "set key 0 0 3\r\nabc\r\n"];
  },
  "LineReceiver.delimiter": (bytes) => {
    const { protocol, transport } = over(new LineReceiver());
    protocol.delimiter = bytes;
    protocol.sendLine("x");
    return [transport, "xabc"];
  },
  "ShapedConsumer.write()": (bytes) => {
    const transport = new StringTransport();
    new ShapedConsumer(transport, new Bucket(null, new Clock()), new Clock()).write(bytes);
    return [transport, "abc"];
  },
};

describe.each(CLAIMS)("three bytes whose length claims %d", (claim) => {
  for (const [name, send] of Object.entries(sent)) {
    it(`are sent by ${name}`, () => {
      const [transport, wanted] = send(lying(claim));
      expect(transport.value().toString("latin1")).toBe(wanted);
    });
  }

  it("are sent by a FileSender, from its source and from its transform", async () => {
    async function* source() {
      yield lying(claim);
    }
    const transport = new StringTransport();
    const consumer = {
      write: (data: Bytes) => transport.write(data),
      registerProducer: (producer: PullProducer) => producer.resumeProducing(),
      unregisterProducer() {},
    };
    new FileSender().beginFileTransfer(source(), consumer, () => lying(claim));
    await turns(1);
    expect(transport.value().toString()).toBe("abc");
  });

  it("are delivered by LineReceiver.setLineMode()", () => {
    const lines: string[] = [];
    class Lines extends LineReceiver {
      override lineReceived(line: Buffer): void {
        lines.push(line.toString());
      }
    }
    const { protocol } = over(new Lines());
    protocol.setLineMode(lying(claim, "a\r\nb\r\nc"));
    protocol.dataReceived(Buffer.from("\r\n"));
    expect(lines).toEqual(["a", "b", "c"]);
  });

  it("are read after Connection.unread()", async () => {
    const connection = connectionOver(new StringTransport({ lenient: true }).connect(new LineReceiver()));
    connection.unread(lying(claim));
    expect(String(await connection.read())).toBe("abc");
  });

  it("are counted as three by a ThrottlingFactory, a bucket and the tick budget", async () => {
    const counted: number[] = [];
    const throttling = new ThrottlingFactory(keepers());
    throttling.registerWritten = (length) => counted.push(length);
    connect(throttling).wrapper.write(lying(claim));
    const bucket = new Bucket(null, new Clock());
    bucket.rate = 1;
    new ShapedConsumer(new StringTransport(), bucket, new Clock()).write(lying(claim));
    counted.push(bucket.content);
    const transport = new StringTransport();
    const budget = budgetOf(transport);
    const { spend } = budget;
    budget.spend = (bytes) => {
      counted.push(bytes);
      return spend.call(budget, bytes);
    };
    await write(transport, lying(claim));
    budget.spend = spend;
    expect(counted).toEqual([3, 3, 3]);
  });

  it("are logged by a TrafficLoggingFactory", () => {
    const lines: string[] = [];
    const { wrapper } = connect(new TrafficLoggingFactory(keepers(), (line) => lines.push(line)));
    wrapper.write(lying(claim));
    expect(lines.at(-1)).toMatch(/\|abc\|$/);
  });

  it("are fed to a ProxyHeaderParser", () => {
    expect(new ProxyHeaderParser().feed(lying(claim, "PRO"))).toBe(3);
  });
});
