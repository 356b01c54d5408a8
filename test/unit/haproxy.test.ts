import { describe, expect, it, onTestFinished, vi } from "vitest";
import { IPv4Address, IPv6Address } from "../../src/internet/address.ts";
import { TCP4ServerEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { ConnectionLost, NoClockError } from "../../src/internet/error.ts";
import type { Address, ServerFactoryLike } from "../../src/internet/interfaces.ts";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { monotonicClock } from "../../src/internet/time.ts";
import {
  HAProxyWrappingFactory,
  InvalidNetworkProtocol,
  InvalidProxyHeader,
  MissingAddressData,
  ProxyHeaderParser,
  type ProxyInfo,
  type ProxyOptions,
  proxyEndpoint,
  proxyHeader,
  UNIXAddress,
} from "../../src/protocols/haproxy.ts";
import { WrappingFactory } from "../../src/protocols/policies/wrapper.ts";
import { Clock } from "../../src/testing/clock.ts";
import { FakeReactor, FakeTransport } from "../helpers/fake-transport.ts";
import { collectLog } from "../helpers/log.ts";

const UNKNOWN: ProxyInfo = { source: null, destination: null };
const V4: ProxyInfo = {
  source: new IPv4Address("TCP", "1.2.3.4", 1111),
  destination: new IPv4Address("TCP", "5.6.7.8", 2222),
};
const V6: ProxyInfo = {
  source: new IPv6Address("TCP", "2001:db8::1", 8080),
  destination: new IPv6Address("TCP", "::1", 8888),
};
const UNIX = {
  source: new UNIXAddress("/home/tests/mysockets/sock"),
  destination: new UNIXAddress("/home/tests/mysockets/sock2"),
};

const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

/** A header of version 2. */
function v2(command: number, family: number, addresses: Buffer, more = 0): Buffer {
  const fixed = Buffer.from([command, family, 0, 0]);
  fixed.writeUInt16BE(addresses.length + more, 2);
  return Buffer.concat([SIGNATURE, fixed, addresses, Buffer.alloc(more, 0x2a)]);
}

const ADDRESSES4 = Buffer.from("0102030405060708045708ae", "hex");
const ADDRESSES6 = Buffer.from(`20010db8${"00".repeat(11)}01${"00".repeat(15)}011f9022b8`, "hex");
const paths = (...names: string[]) =>
  Buffer.concat(names.map((name) => Buffer.concat([Buffer.from(name), Buffer.alloc(108 - name.length)])));
const ADDRESSES_UNIX = paths(UNIX.source.name, UNIX.destination.name);

const GOOD: readonly (readonly [name: string, header: Buffer, info: unknown])[] = [
  ["v1 for TCP over IPv4", Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"), V4],
  ["v1 for TCP over IPv6", Buffer.from("PROXY TCP6 2001:db8::1 ::1 8080 8888\r\n"), V6],
  [
    "v1 with IPv6 in another spelling",
    Buffer.from("PROXY TCP6 2001:0DB8:0:0:0:0:0:1 0:0:0:0:0:0:0:1 8080 8888\r\n"),
    V6,
  ],
  ["v1 with nothing known", Buffer.from("PROXY UNKNOWN\r\n"), UNKNOWN],
  ["v1 with nothing known and addresses", Buffer.from("PROXY UNKNOWN ffff::1 ffff::2 65535 1\r\n"), UNKNOWN],
  ["v1 as long as it can be", Buffer.from(`PROXY UNKNOWN ${"f".repeat(91)}\r\n`), UNKNOWN],
  [
    "v1 with the ports 0 and 65535",
    Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 0 65535\r\n"),
    {
      source: new IPv4Address("TCP", "1.2.3.4", 0),
      destination: new IPv4Address("TCP", "5.6.7.8", 65_535),
    },
  ],
  ["v2 for TCP over IPv4", v2(0x21, 0x11, ADDRESSES4), V4],
  [
    "v2 for UDP over IPv4",
    v2(0x21, 0x12, ADDRESSES4),
    {
      source: new IPv4Address("UDP", "1.2.3.4", 1111),
      destination: new IPv4Address("UDP", "5.6.7.8", 2222),
    },
  ],
  ["v2 for TCP over IPv6", v2(0x21, 0x21, ADDRESSES6), V6],
  [
    "v2 for UDP over IPv6",
    v2(0x21, 0x22, ADDRESSES6),
    {
      source: new IPv6Address("UDP", "2001:db8::1", 8080),
      destination: new IPv6Address("UDP", "::1", 8888),
    },
  ],
  ["v2 for UNIX streams", v2(0x21, 0x31, ADDRESSES_UNIX), UNIX],
  ["v2 for UNIX datagrams", v2(0x21, 0x32, ADDRESSES_UNIX), UNIX],
  [
    "v2 with a path that fills its place",
    v2(0x21, 0x31, paths("/".repeat(108), "")),
    {
      source: new UNIXAddress("/".repeat(108)),
      destination: new UNIXAddress(""),
    },
  ],
  ["v2 with TLVs", v2(0x21, 0x11, ADDRESSES4, 40), V4],
  ["v2 with more TLVs than are kept", v2(0x21, 0x11, ADDRESSES4, 65_535 - 12), V4],
  ["v2 LOCAL", v2(0x20, 0x00, Buffer.alloc(0)), UNKNOWN],
  ["v2 LOCAL with IPv4 addresses", v2(0x20, 0x11, ADDRESSES4), UNKNOWN],
  ["v2 LOCAL with IPv6 addresses", v2(0x20, 0x21, ADDRESSES6), UNKNOWN],
  ["v2 LOCAL with UNIX addresses", v2(0x20, 0x31, ADDRESSES_UNIX), UNKNOWN],
  ["v2 LOCAL of a family that does not exist", v2(0x20, 0xff, Buffer.alloc(3)), UNKNOWN],
  ["v2 of no family", v2(0x21, 0x01, ADDRESSES4), UNKNOWN],
  ["v2 of no transport, IPv4", v2(0x21, 0x10, ADDRESSES4), UNKNOWN],
  ["v2 of no transport, IPv6", v2(0x21, 0x20, ADDRESSES6), UNKNOWN],
  ["v2 of no transport, UNIX", v2(0x21, 0x30, ADDRESSES_UNIX), UNKNOWN],
];

const BAD: readonly (readonly [name: string, header: Buffer, type: typeof InvalidProxyHeader])[] = [
  ["another protocol", Buffer.from("GET / HTTP/1.1\r\n"), InvalidProxyHeader],
  ["one byte of another protocol", Buffer.from("G"), InvalidProxyHeader],
  ["v1 in small letters", Buffer.from("proxy TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"), InvalidProxyHeader],
  ["v1 without a protocol", Buffer.from("PROXY \r\n"), InvalidNetworkProtocol],
  [
    "v1 for a protocol that does not exist",
    Buffer.from("PROXY WUTPROTO 1.2.3.4 5.6.7.8 1 2\r\n"),
    InvalidNetworkProtocol,
  ],
  ["v1 without addresses", Buffer.from("PROXY TCP4\r\n"), MissingAddressData],
  ["v1 without a destination", Buffer.from("PROXY TCP4 1.2.3.4 8080\r\n"), MissingAddressData],
  ["v1 without a port of the destination", Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 8080\r\n"), MissingAddressData],
  ["v1 with a word too many", Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"), InvalidProxyHeader],
  ["v1 with two blanks", Buffer.from("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n"), InvalidProxyHeader],
  ["v1 with IPv6 for TCP4", Buffer.from("PROXY TCP4 ::1 ::1 1 2\r\n"), InvalidProxyHeader],
  ["v1 with IPv4 for TCP6", Buffer.from("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"), InvalidProxyHeader],
  ["v1 with a zone", Buffer.from("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"), InvalidProxyHeader],
  ["v1 with a name for an address", Buffer.from("PROXY TCP4 localhost 5.6.7.8 1 2\r\n"), InvalidProxyHeader],
  ["v1 with a port out of range", Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n"), InvalidProxyHeader],
  ["v1 with a leading zero", Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 1 02\r\n"), InvalidProxyHeader],
  ["v1 with a sign", Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 1 -2\r\n"), InvalidProxyHeader],
  ["v1 that does not end", Buffer.from(`PROXY UNKNOWN ${"f".repeat(93)}`), InvalidProxyHeader],
  ["v1 that ends too late", Buffer.from(`PROXY UNKNOWN ${"f".repeat(92)}\r\n`), InvalidProxyHeader],
  ["v2 with a wrong signature", Buffer.from("0d0a0d0a000d0a515549540b2111000c", "hex"), InvalidProxyHeader],
  ["v2 of version 1", v2(0x11, 0x11, ADDRESSES4), InvalidProxyHeader],
  ["v2 of version 3", v2(0x31, 0x11, ADDRESSES4), InvalidProxyHeader],
  ["v2 with a command that does not exist", v2(0x22, 0x11, ADDRESSES4), InvalidProxyHeader],
  ["v2 with a family that does not exist", v2(0x21, 0x41, ADDRESSES4), InvalidNetworkProtocol],
  ["v2 with a transport that does not exist", v2(0x21, 0x13, ADDRESSES4), InvalidNetworkProtocol],
  ["v2 with too few bytes for IPv4", v2(0x21, 0x11, ADDRESSES4.subarray(1)), MissingAddressData],
  ["v2 with too few bytes for IPv6", v2(0x21, 0x21, ADDRESSES6.subarray(1)), MissingAddressData],
  ["v2 with too few bytes for UNIX", v2(0x21, 0x31, ADDRESSES_UNIX.subarray(1)), MissingAddressData],
];

/** Feed pieces that are spoilt afterwards; returns how many of their bytes were the header's. */
function feed(parser: ProxyHeaderParser, pieces: Iterable<Buffer>): number {
  let used = 0;
  for (const piece of pieces) {
    const lent = Buffer.from(piece);
    used += parser.feed(lent);
    lent.fill(0xee);
  }
  return used;
}

const bytesOf = (data: Buffer) => [...data].map((byte) => Buffer.of(byte));

describe.each(GOOD)("%s", (_name, header, info) => {
  it("is parsed in one piece, and leaves the bytes after it", () => {
    const parser = new ProxyHeaderParser();
    expect(parser.feed(Buffer.concat([header, Buffer.from("GET /\r\n")]))).toBe(header.length);
    expect(parser.info).toEqual(info);
  });

  it("is parsed byte by byte", () => {
    const parser = new ProxyHeaderParser();
    expect(feed(parser, bytesOf(header.subarray(0, -1)))).toBe(header.length - 1);
    expect(parser.info).toBe(null);
    expect(parser.feed(Buffer.from([header.at(-1)!, 0x47]))).toBe(1);
    expect(parser.info).toEqual(info);
  });

  it("is parsed in two pieces, wherever it is split", () => {
    for (let cut = 0; cut <= Math.min(header.length, 400); cut++) {
      const parser = new ProxyHeaderParser();
      feed(parser, [header.subarray(0, cut), header.subarray(cut)]);
      expect(parser.info, `cut at ${cut}`).toEqual(info);
    }
  });
});

describe.each(BAD)("%s", (_name, header, type) => {
  it("is refused in one piece, and byte by byte", () => {
    expect(() => new ProxyHeaderParser().feed(header)).toThrow(type);
    expect(() => feed(new ProxyHeaderParser(), bytesOf(header))).toThrow(type);
  });
});

it("each error is an InvalidProxyHeader with a code of its own", () => {
  const errors = [new InvalidProxyHeader(""), new InvalidNetworkProtocol(""), new MissingAddressData("")];
  expect(errors.every((error) => error instanceof InvalidProxyHeader)).toBe(true);
  expect(new Set(errors.map(({ code }) => code)).size).toBe(3);
});

describe("a header that proxyHeader() writes", () => {
  it.each([
    ["IPv4", V4, "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"],
    ["IPv6", V6, "PROXY TCP6 2001:db8::1 ::1 8080 8888\r\n"],
    ["nothing", UNKNOWN, "PROXY UNKNOWN\r\n"],
    ["a UNIX socket", UNIX, "PROXY UNKNOWN\r\n"],
    ["a mixture", { source: V4.source, destination: V6.destination }, "PROXY UNKNOWN\r\n"],
  ])("in version 1 is right for %s", (_kind, info, text) => {
    expect(proxyHeader(info, 1).toString()).toBe(text);
  });

  it.each([
    ["IPv4", V4, v2(0x21, 0x11, ADDRESSES4)],
    ["IPv6", V6, v2(0x21, 0x21, ADDRESSES6)],
    ["a UNIX socket", UNIX, v2(0x21, 0x31, ADDRESSES_UNIX)],
    ["nothing", UNKNOWN, v2(0x20, 0, Buffer.alloc(0))],
    ["a mixture", { source: V4.source, destination: V6.destination }, v2(0x20, 0, Buffer.alloc(0))],
    ["UDP", GOOD[8]![2] as ProxyInfo, v2(0x21, 0x12, ADDRESSES4)],
  ])("in version 2, which is the default, is right for %s", (_kind, info, bytes) => {
    expect(proxyHeader(info)).toEqual(bytes);
  });

  it.each(["1:2:3:4:5:6:7:8", "::", "1::", "::8", "1::8", "fe80::1", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4"])(
    "and that holds the address %s is read again",
    (host) => {
      const address = new IPv6Address("TCP", host, 1);
      const [one, two] = [1, 2].map((version) => {
        const parser = new ProxyHeaderParser();
        parser.feed(proxyHeader({ source: address, destination: address }, version as 1 | 2));
        return parser.info;
      });
      expect(one?.source).not.toBe(null);
      expect(two).toEqual(one);
    },
  );

  it("omits IPv6 zones, which are local to a machine", () => {
    const local = new IPv6Address("TCP", "fe80::1%eth0", 1);
    expect(proxyHeader({ source: local, destination: local }, 1).toString()).toBe("PROXY TCP6 fe80::1 fe80::1 1 1\r\n");
    expect(proxyHeader({ source: local, destination: local }).toString("hex", 16, 32)).toBe(`fe80${"00".repeat(13)}01`);
  });
});

describe("a header that cannot say what it should", () => {
  it.each([
    ["a path of 109 bytes", new UNIXAddress("/".repeat(109)), "109 bytes, and at most 108 fit"],
    ["a path of 108 characters and 109 bytes", new UNIXAddress(`${"/".repeat(107)}é`), "109 bytes"],
    ["a path with a NUL", new UNIXAddress("\0abstract\u001b"), "contains a NUL"],
    ["a host that is a header", new IPv4Address("TCP", "1.2.3.4 5.6.7.8 1 2\r\nPROXY", 1), "must be IP addresses"],
    ["a host that is a name", new IPv6Address("TCP", "localhost", 1), "must be IP addresses"],
  ])("is not written: %s", (_what, address, why) => {
    const write = (version: 1 | 2) => () => proxyHeader({ source: address, destination: address }, version);
    expect(write(2)).toThrow(RangeError);
    expect(write(2)).toThrow(why);
    expect(write(2)).toThrow(/^[\x20-\x7e\u2026é]*$/);
    if (!(address instanceof UNIXAddress)) expect(write(1)).toThrow(RangeError);
  });

  it("is written for a path that just fits", () => {
    const address = new UNIXAddress("/".repeat(108));
    const parser = new ProxyHeaderParser();
    parser.feed(proxyHeader({ source: address, destination: address }));
    expect(parser.info?.source).toEqual(address);
  });
});

it("an error quotes a header without its control characters", () => {
  const line = Buffer.from("PROXY \u001b[31m\u0007\u009b31m\u0085\u007f 1 2 3 4\r\n", "latin1");
  for (const bad of [line, Buffer.from(line.toString("latin1").replace("PROXY ", "PROXY TCP4 "), "latin1")]) {
    expect(() => new ProxyHeaderParser().feed(bad)).toThrow(/^[\x20-\x7e]*$/);
  }
});

describe("an endpoint", () => {
  const log = collectLog();

  /** Keeps what it is told. */
  class Keeper extends Protocol {
    static override readonly borrows: boolean = true;
    readonly calls: string[] = [];
    chunks: Buffer[] = [];
    onMade: () => void = () => {};
    onData: () => void = () => {};
    override connectionMade(): void {
      this.calls.push(`made ${this.transport.getPeer()} ${this.transport.getHost()}`);
      this.onMade();
    }
    override dataReceived(data: Buffer): void {
      this.chunks.push(data);
      this.calls.push(`data ${data}`);
      this.onData();
    }
    override connectionLost(): void {
      this.calls.push("lost");
    }
  }

  class KeeperFactory extends Factory<Keeper> {
    readonly addresses: string[] = [];
    next: Keeper | null = new Keeper();
    starts = 0;
    override startFactory(): void {
      this.starts++;
    }
    override buildProtocol(addr: Address): Keeper | null {
      this.addresses.push(String(addr));
      return this.next;
    }
  }

  function listen(options: Partial<ProxyOptions> = {}) {
    const reactor = new FakeReactor();
    const clock = new Clock();
    const factory = new KeeperFactory();
    proxyEndpoint(new TCP4ServerEndpoint(reactor, 80), { trusted: ["192.0.2.1"], clock, ...options }).listen(factory);
    const listening: ServerFactoryLike = reactor.listened[0]!.factory;
    listening.doStart();
    return { factory, listening, clock };
  }

  /** @param peer the address of the proxy */
  function connect(listening: ServerFactoryLike, peer?: Address | UNIXAddress): FakeTransport {
    const transport = new FakeTransport();
    transport.connect(listening.buildProtocol((peer as Address | undefined) ?? transport.getPeer())!);
    return transport;
  }

  function accept(options: Partial<ProxyOptions> = {}, peer?: Address | UNIXAddress) {
    const { factory, listening, clock } = listen(options);
    return { factory, transport: connect(listening, peer), clock, keeper: factory.next! };
  }

  it.each([
    ["IPv4, v1", proxyHeader(V4, 1), "1.2.3.4:1111", "5.6.7.8:2222"],
    ["IPv4, v2", proxyHeader(V4, 2), "1.2.3.4:1111", "5.6.7.8:2222"],
    ["IPv6, v1", proxyHeader(V6, 1), "[2001:db8::1]:8080", "[::1]:8888"],
    ["IPv6, v2", proxyHeader(V6, 2), "[2001:db8::1]:8080", "[::1]:8888"],
    ["unknown, v1", proxyHeader(UNKNOWN, 1), "192.0.2.1:54321", "192.0.2.2:12345"],
    ["LOCAL, v2", proxyHeader(UNKNOWN, 2), "192.0.2.1:54321", "192.0.2.2:12345"],
  ])("builds and connects the protocol with the addresses of the header: %s", (_kind, header, peer, host) => {
    const { factory, transport, keeper } = accept();
    expect(factory.starts).toBe(1);
    transport.receive(header);
    expect(factory.addresses).toEqual([peer]);
    expect(keeper.calls).toEqual([`made ${peer} ${host}`]);
  });

  it("builds the protocol with UNIX addresses, and others, for a proxy on a UNIX socket", () => {
    for (const [header, peer] of [
      [proxyHeader(UNIX), "unix:/home/tests/mysockets/sock"],
      [proxyHeader(V4), "1.2.3.4:1111"],
    ] as const) {
      const { factory, transport } = accept({ trusted: ["unix"] }, new UNIXAddress(""));
      transport.receive(header);
      expect(factory.addresses).toEqual([peer]);
    }
  });

  it.each([
    ["UNIX", v2(0x21, 0x31, ADDRESSES_UNIX), "names a UNIX socket", undefined],
    ["UNIX datagrams", v2(0x21, 0x32, ADDRESSES_UNIX), "datagrams", undefined],
    ["UNIX datagrams on a UNIX socket", v2(0x21, 0x32, ADDRESSES_UNIX), "datagrams", new UNIXAddress("")],
    ["UDP over IPv4", v2(0x21, 0x12, ADDRESSES4), "datagrams", undefined],
    ["UDP over IPv6", v2(0x21, 0x22, ADDRESSES6), "datagrams", undefined],
  ])("refuses the addresses of a header for %s, which no client of it can have", (_kind, header, why, peer) => {
    const { factory, transport, keeper } = accept({ trusted: ["192.0.2.1", "unix"] }, peer);
    transport.receive(Buffer.concat([header, Buffer.from("one")]));
    expect([transport.aborted, factory.addresses, keeper.calls]).toEqual([true, [], []]);
    expect(log().join()).toContain(why);
  });

  it.each([
    ["v1", Buffer.from("PROXY TCP6 ::ffff:1.2.3.4 ::FFFF:0506:0708 1111 2222\r\n")],
    ["v2", v2(0x21, 0x21, Buffer.from(`${"00".repeat(10)}ffff01020304${"00".repeat(10)}ffff05060708045708ae`, "hex"))],
  ])("takes an IPv4-mapped address for the IPv4 address: %s", (_version, header) => {
    const { factory, transport, keeper } = accept();
    transport.receive(header);
    expect(factory.addresses).toEqual(["1.2.3.4:1111"]);
    expect(keeper.transport.getPeer()).toEqual(V4.source);
    expect(keeper.transport.getHost()).toEqual(V4.destination);
  });

  it("builds no protocol before the header is complete", () => {
    const { factory, transport, keeper } = accept();
    for (const byte of bytesOf(proxyHeader(V4).subarray(0, -1))) transport.receive(byte);
    expect(factory.addresses).toEqual([]);
    transport.lose();
    expect(keeper.calls).toEqual([]);
  });

  it("delivers the bytes after the header, and later ones", () => {
    for (const header of [proxyHeader(V4, 1), proxyHeader(V4, 2), v2(0x21, 0x11, ADDRESSES4, 500)]) {
      const { transport, keeper } = accept();
      transport.receive(Buffer.concat([header, Buffer.from("one")]));
      transport.receive("two");
      transport.lose();
      expect(keeper.calls.slice(1)).toEqual(["data one", "data two", "lost"]);
    }
  });

  it("delivers all of it when it arrives byte by byte", () => {
    const { transport, keeper } = accept();
    for (const byte of bytesOf(Buffer.concat([proxyHeader(V6), Buffer.from("abc")]))) transport.receive(byte);
    expect(keeper.calls.slice(1)).toEqual(["data a", "data b", "data c"]);
  });

  it("the protocol owns the bytes after the header", () => {
    const { transport, keeper } = accept();
    transport.receive(Buffer.concat([proxyHeader(V4), Buffer.from("one")]));
    const [chunk] = keeper.chunks;
    expect([String(chunk), chunk?.buffer.byteLength]).toEqual(["one", 3]);
  });

  it("passes on the protocol's writes and its closing", () => {
    const { transport, keeper } = accept();
    transport.receive(proxyHeader(V4));
    keeper.transport.write("hello");
    keeper.transport.loseConnection();
    expect([transport.take(), transport.disconnecting]).toEqual(["hello", true]);
  });

  it.each(BAD)("aborts a connection that begins with %s, and logs it", (_name, header) => {
    const { factory, transport, keeper } = accept();
    transport.receive(header);
    expect(transport.aborted).toBe(true);
    expect(log().length).toBe(1);
    expect(log()[0]).toContain("192.0.2.1:54321");
    transport.lose();
    expect([factory.addresses, keeper.calls]).toEqual([[], []]);
  });

  it("resets a connection for which the factory builds no protocol", () => {
    const { factory, transport } = accept();
    factory.next = null;
    transport.receive(proxyHeader(V4));
    expect(transport.aborted).toBe(true);
  });

  it("does not catch an exception of the factory, which ends the connection", () => {
    const { factory, transport } = accept();
    factory.buildProtocol = () => {
      throw new RangeError("no room");
    };
    expect(() => transport.receive(proxyHeader(V4))).toThrow("no room");
  });

  it("a protocol that pauses at once gets the bytes after the header when it resumes", () => {
    const { transport, keeper } = accept();
    keeper.onMade = () => keeper.transport.pauseProducing();
    transport.receive(Buffer.concat([proxyHeader(V4), Buffer.from("one")]));
    expect([transport.paused, keeper.calls.length]).toEqual([true, 1]);
    keeper.transport.resumeProducing();
    expect(keeper.calls.slice(1)).toEqual(["data one"]);
    expect(transport.paused).toBe(false);
  });

  it("a protocol that pauses again before the delivery stays paused", () => {
    const { transport, keeper } = accept();
    keeper.onMade = () => keeper.transport.pauseProducing();
    keeper.onData = () => keeper.transport.pauseProducing();
    transport.receive(Buffer.concat([proxyHeader(V4), Buffer.from("one")]));
    keeper.transport.resumeProducing();
    expect([keeper.calls.slice(1), transport.paused]).toEqual([["data one"], true]);
    keeper.transport.resumeProducing();
    expect([keeper.calls.slice(1), transport.paused]).toEqual([["data one"], false]);
  });

  it("an exception in the delivery after resuming ends the connection", () => {
    const { transport, keeper } = accept();
    keeper.onMade = () => keeper.transport.pauseProducing();
    keeper.onData = () => {
      throw new RangeError("oops");
    };
    transport.receive(Buffer.concat([proxyHeader(V4), Buffer.from("one")]));
    keeper.transport.resumeProducing();
    expect(transport.aborted).toBe(true);
    expect(log().join()).toContain("oops");
  });

  it("a rejection in the delivery after resuming ends the connection", async () => {
    const { transport, keeper } = accept();
    keeper.onMade = () => keeper.transport.pauseProducing();
    keeper.dataReceived = async () => {
      throw new RangeError("oops");
    };
    transport.receive(Buffer.concat([proxyHeader(V4), Buffer.from("one")]));
    keeper.transport.resumeProducing();
    await new Promise(setImmediate);
    expect(transport.aborted).toBe(true);
    expect(log().join()).toContain("oops");
  });

  it("a protocol that closes at once never gets the bytes after the header", () => {
    const { transport, keeper } = accept();
    keeper.onMade = () => keeper.transport.loseConnection();
    transport.receive(Buffer.concat([proxyHeader(V4), Buffer.from("one")]));
    expect(keeper.calls.length).toBe(1);
    const other = accept();
    other.keeper.onMade = () => other.keeper.transport.pauseProducing();
    other.transport.receive(Buffer.concat([proxyHeader(V4), Buffer.from("one")]));
    other.keeper.transport.loseConnection();
    other.keeper.transport.resumeProducing();
    expect(other.keeper.calls.length).toBe(1);
  });

  it("a protocol that resumes after the loss does not get the bytes after the header", () => {
    const { transport, keeper } = accept();
    keeper.onMade = () => keeper.transport.pauseProducing();
    transport.receive(Buffer.concat([proxyHeader(V4), Buffer.from("one")]));
    transport.lose(new ConnectionLost());
    keeper.transport.resumeProducing();
    expect(keeper.calls.slice(1)).toEqual(["lost"]);
  });

  it("waits 3 seconds for the header, then aborts the connection", () => {
    const { transport, clock } = accept();
    transport.receive("PROXY ");
    clock.advance(2.9);
    expect(transport.aborted).toBe(false);
    clock.advance(0.1);
    expect(transport.aborted).toBe(true);
    expect(log()[0]).toContain("3 seconds");
  });

  it("waits 3 seconds in all, however the header trickles in", () => {
    const { transport, clock } = accept();
    for (const byte of bytesOf(proxyHeader(V4)).slice(0, 6)) {
      transport.receive(byte);
      clock.advance(0.5);
    }
    expect(transport.aborted).toBe(true);
  });

  it("cannot listen without a clock", () => {
    const make = (options: Partial<ProxyOptions>) =>
      new HAProxyWrappingFactory(new KeeperFactory(), { trusted: "any", ...options });
    expect(() => make({}).doStart()).toThrow(NoClockError);
    expect(() => make({ timeout: null }).doStart()).not.toThrow();
  });

  describe("that trusts proxies", () => {
    const address = (host: string) =>
      host.includes(":") ? new IPv6Address("TCP", host, 5) : new IPv4Address("TCP", host, 5);

    it.each([
      [["192.0.2.7"], "192.0.2.7"],
      [["10.0.0.0/8", "192.0.2.7"], "10.1.2.3"],
      [["10.0.0.0/8"], "::ffff:10.1.2.3"],
      [["::ffff:10.0.0.0/104"], "10.1.2.3"],
      [["2001:db8::/32"], "2001:db8:7::1"],
      [["fe80::/10"], "fe80::1%eth0"],
    ])("%j takes a connection of %s", (trusted, host) => {
      expect(listen({ trusted }).listening.buildProtocol(address(host))).not.toBe(null);
    });

    it.each([
      [["192.0.2.7"], address("192.0.2.8")],
      [["10.0.0.0/8"], address("11.0.0.1")],
      [["10.0.0.0/8"], address("::ffff:11.0.0.1")],
      [["::/0"], address("10.0.0.1")],
      [["unix"], address("127.0.0.1")],
      [["0.0.0.0/0", "::/0"], new UNIXAddress("127.0.0.1")],
    ])("%j closes a connection of %s before a byte is read", (trusted, peer) => {
      const { listening, factory } = listen({ trusted });
      expect(listening.buildProtocol(peer as Address)).toBe(null);
      expect(factory.addresses).toEqual([]);
    });

    it("logs a stranger at once, the others after it once a minute, with their number", () => {
      const { listening, clock } = listen();
      for (let i = 1; i <= 1000; i++) listening.buildProtocol(new IPv4Address("TCP", "198.51.100.9", i));
      expect(log()).toEqual([expect.stringMatching(/from 198\.51\.100\.9:1 is closed: .*none of the trusted proxies/)]);
      clock.advance(60);
      listening.buildProtocol(new IPv4Address("TCP", "198.51.100.9", 1001));
      expect(log().slice(1)).toEqual([expect.stringMatching(/:1001 is closed.*\(999 more like it since/)]);
    });

    it("logs bad headers once a minute, too", () => {
      const { listening, clock } = listen();
      const one = () => connect(listening).receive("GET / HTTP/1.1\r\n");
      for (let i = 0; i < 100; i++) one();
      clock.advance(60);
      one();
      expect(log().length).toBe(2);
      expect(log()[1]).toContain("99 more");
    });

    it("logs once a minute without a clock, too", () => {
      const now = vi.spyOn(monotonicClock, "seconds").mockReturnValue(1000);
      onTestFinished(() => now.mockRestore());
      const { listening } = listen({ timeout: null, clock: null });
      const stranger = new IPv4Address("TCP", "198.51.100.9", 1);
      for (let i = 0; i < 100; i++) listening.buildProtocol(stranger);
      now.mockReturnValue(1060);
      listening.buildProtocol(stranger);
      expect(log().length).toBe(2);
      expect(log()[1]).toContain("99 more");
    });

    it('"any" and everyone\'s networks take everyone', () => {
      for (const trusted of ["any", ["0.0.0.0/0", "::/0", "unix"]] as const) {
        const { listening } = listen({ trusted });
        for (const peer of [address("203.0.113.1"), address("2001:db8::1"), new UNIXAddress("")]) {
          expect(listening.buildProtocol(peer as Address)).not.toBe(null);
        }
      }
    });

    it("cannot be made without saying which", () => {
      const endpoint = new TCP4ServerEndpoint(new FakeReactor(), 80);
      for (const options of [undefined, {}, { timeout: 3 }] as unknown[] as [ProxyOptions]) {
        for (const make of [
          () => proxyEndpoint(endpoint, options),
          () => new HAProxyWrappingFactory(new KeeperFactory(), options),
        ]) {
          expect(make).toThrow(TypeError);
          expect(make).toThrow(/options\.trusted.*as in \{ trusted: \["10\.0\.0\.0\/8".*"unix".*trusted: "any"/);
        }
      }
    });

    it.each([
      [[], /an empty list would refuse everyone/],
      [["proxy.example"], /options\.trusted: "proxy\.example" is no network/],
      [["10.0.0.1/8"], /bits after its prefix/],
      [["10.0.0.0/8", "any"], /"any" in options\.trusted must stand alone/],
      [[""], /"" is no network/],
    ])("cannot be made with %j", (trusted, message) => {
      const endpoint = new TCP4ServerEndpoint(new FakeReactor(), 80);
      expect(() => proxyEndpoint(endpoint, { trusted })).toThrow(RangeError);
      expect(() => proxyEndpoint(endpoint, { trusted })).toThrow(message);
    });

    it("keeps the list that it was given", () => {
      const trusted = ["192.0.2.7"];
      const reactor = new FakeReactor();
      const endpoint = proxyEndpoint(new TCP4ServerEndpoint(reactor, 80), { trusted, timeout: null });
      trusted.push("0.0.0.0/0");
      endpoint.listen(new KeeperFactory());
      expect(reactor.listened[0]!.factory.buildProtocol(address("198.51.100.1"))).toBe(null);
    });
  });

  it("of more connections than may wait for headers, closes the one that has waited longest", () => {
    const { listening, factory } = listen();
    const waiting = Array.from({ length: 256 }, () => connect(listening));
    expect(waiting.some(({ aborted }) => aborted)).toBe(false);
    connect(listening);
    connect(listening);
    expect(waiting.findIndex(({ aborted }) => !aborted)).toBe(2);
    expect(log()).toEqual([expect.stringContaining("more than 256 connections wait for their PROXY headers")]);
    waiting[2]!.receive(proxyHeader(V4));
    expect(factory.addresses).toEqual(["1.2.3.4:1111"]);
    waiting[3]!.lose();
    connect(listening);
    connect(listening);
    expect(waiting.filter(({ aborted }) => aborted).length).toBe(2);
  });

  it("closes none of a proxy that has few connections for another that has many", () => {
    const { listening, factory } = listen({ trusted: "any" });
    const honest = connect(listening, new IPv4Address("TCP", "192.0.2.9", 1));
    const crowd = Array.from({ length: 1000 }, () => connect(listening, new IPv4Address("TCP", "192.0.2.66", 1)));
    expect([honest.aborted, crowd.filter(({ aborted }) => aborted).length]).toEqual([false, 745]);
    honest.receive(proxyHeader(V4));
    expect(factory.addresses).toEqual(["1.2.3.4:1111"]);
  });

  it("does not count a connection as waiting once its header was read, refused or late", () => {
    const { listening, clock } = listen({ maxWaiting: 1 });
    connect(listening).receive(proxyHeader(V4));
    connect(listening).receive("GET ");
    const silent = connect(listening);
    clock.advance(3);
    const last = connect(listening);
    expect([silent.aborted, last.aborted]).toEqual([true, false]);
    expect(log().join()).not.toContain("wait for their PROXY headers");
  });

  it("expects one header only", () => {
    const endpoint = new TCP4ServerEndpoint(new FakeReactor(), 80);
    const options = { trusted: "any" } as const;
    const nested = /PROXY headers do not nest/;
    expect(() => proxyEndpoint(proxyEndpoint(endpoint, options), options)).toThrow(nested);
    const inner = new HAProxyWrappingFactory(new KeeperFactory(), options);
    expect(() => new HAProxyWrappingFactory(inner, options)).toThrow(nested);
    expect(() => new HAProxyWrappingFactory(new WrappingFactory(inner), options)).toThrow(nested);
    expect(() => proxyEndpoint(endpoint, options).listen(inner)).toThrow(nested);
  });

  it("waits for the configured time", () => {
    const brief = accept({ timeout: 1 });
    brief.clock.advance(1);
    expect(brief.transport.aborted).toBe(true);
    const patient = accept({ timeout: null });
    expect(patient.clock.getDelayedCalls()).toEqual([]);
  });

  it("has no timer once the header is parsed, or the connection is lost", () => {
    const { transport, clock } = accept();
    transport.receive(proxyHeader(V4));
    expect(clock.getDelayedCalls()).toEqual([]);
    const other = accept();
    other.transport.lose();
    expect(other.clock.getDelayedCalls()).toEqual([]);
  });
});
