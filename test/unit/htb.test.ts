import { beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import {
  Bucket,
  FilterByHost,
  FilterByServer,
  HierarchicalBucketFilter,
  ShapedConsumer,
  ShapedProtocolFactory,
} from "../../src/entries/protocols/htb.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import type { Bytes, Consumer, PullProducer, PushProducer } from "../../src/internet/interfaces.ts";
import { borrowsFrom } from "../../src/internet/stream/borrowing.ts";
import { Echo } from "../../src/protocols/wire.ts";
import { Clock } from "../../src/testing/clock.ts";
import { turns } from "../helpers/gate.ts";
import { collectLog } from "../helpers/log.ts";
import { connect, HalfKeeper, HalfTransport, Keeper, keepers, PEER, Told } from "../helpers/wrapped.ts";

class SomeBucket extends Bucket {
  override maxburst: number | null = 100;
  override rate: number | null = 2;
}

const log = collectLog();
let clock: Clock;

beforeEach(() => {
  clock = new Clock();
});

const bucket = (parent: Bucket | null = null) => new SomeBucket(parent, clock);

describe("a Bucket", () => {
  it("accepts what fits", () => {
    expect(bucket().add(1000)).toBe(100);
  });

  it("accepts nothing while it holds more than it may, since its capacity was lowered", () => {
    const some = bucket();
    some.add(60);
    some.maxburst = 20;
    expect(some.add(5)).toBe(0);
    expect(some.content).toBe(60);
  });

  it("drains at its rate", () => {
    const some = bucket();
    some.add(1000);
    clock.advance(10);
    expect(some.add(1000)).toBe(20);
  });

  it("is empty when all has drained", () => {
    const some = bucket();
    some.add(20);
    clock.advance(9);
    expect(some.drip()).toBe(false);
    clock.advance(1);
    expect(some.drip()).toBe(true);
  });

  it("counts whole tokens only", () => {
    const some = bucket();
    some.add(100);
    clock.advance(0.75);
    expect(some.add(10)).toBe(1);
    expect(some.add(10)).toBe(0);
  });

  it("has no limit by default", () => {
    const any = new Bucket(null, clock);
    expect(any.add(1e9)).toBe(1e9);
    expect(any.drip()).toBe(true);
  });

  it("knows how long until something fits", () => {
    const some = bucket();
    expect(some.secondsUntil(100)).toBe(0);
    some.add(100);
    expect(some.secondsUntil(10)).toBe(5);
    expect(some.secondsUntil(1000)).toBe(50);
    clock.advance(2);
    expect(some.secondsUntil(10)).toBe(3);
    expect(new Bucket(null, clock).secondsUntil(10)).toBe(0);
  });

  it("drains at once with an infinite rate, also when no time has passed", () => {
    const some = new Bucket(null, clock);
    some.rate = Number.POSITIVE_INFINITY;
    some.add(5);
    expect([some.drip(), some.content]).toEqual([true, 0]);
  });

  it("does not fill when the clock goes back", () => {
    let now = 100;
    const some = new SomeBucket(null, { seconds: () => now });
    some.add(50);
    now = 50;
    some.drip();
    expect(some.content).toBe(50);
    now = 60;
    some.drip();
    expect(some.content).toBe(30);
  });

  it("needs a clock or a reactor, and says so", () => {
    expect(() => new Bucket()).toThrow(/pass a clock/);
  });

  describe("with a parent", () => {
    it("accepts what the parent has room for", () => {
      const parent = bucket();
      const [one, two] = [bucket(parent), bucket(parent)];
      expect(one.add(90)).toBe(90);
      expect(two.add(90)).toBe(10);
    });

    it("drains no faster than its parent", () => {
      const parent = bucket();
      parent.rate = 1;
      const child = bucket(parent);
      child.add(100);
      clock.advance(10);
      expect(child.secondsUntil(20)).toBe(10);
      expect(child.add(100)).toBe(10);
    });

    it("is one of the parent's users", () => {
      const parent = bucket();
      bucket(parent);
      bucket(parent);
      expect(parent.refcount).toBe(2);
    });
  });
});

describe("a HierarchicalBucketFilter", () => {
  class At extends HalfTransport {
    readonly #peer: string;
    readonly #port: number;
    constructor(peer: string, port: number) {
      super();
      this.#peer = peer;
      this.#port = port;
    }
    override getPeer(): IPv4Address {
      return new IPv4Address("TCP", this.#peer, 50000);
    }
    override getHost(): IPv4Address {
      return new IPv4Address("TCP", "127.0.0.1", this.#port);
    }
  }
  const alice = new At("192.0.2.1", 80);
  const bob = new At("192.0.2.2", 80);
  const bobAgain = new At("192.0.2.2", 443);

  it("has one bucket for all connections", () => {
    const filter = new HierarchicalBucketFilter(null, clock);
    expect(filter.getBucketFor(alice)).toBe(filter.getBucketFor(bob));
    expect(filter.getBucketFor(alice)).toBeInstanceOf(Bucket);
  });

  it("FilterByHost has one bucket for each host", () => {
    const filter = new FilterByHost(null, clock);
    expect(filter.getBucketFor(alice)).not.toBe(filter.getBucketFor(bob));
    expect(filter.getBucketFor(bob)).toBe(filter.getBucketFor(bobAgain));
  });

  it("FilterByHost takes a /64 network of IPv6 for one host, and a mapped IPv4 address for itself", () => {
    const filter = new FilterByHost(null, clock);
    const of = (host: string) => filter.getBucketFor(new At(host, 80));
    expect(of("2001:db8:1:2::1")).toBe(of("2001:db8:1:2:ffff::1"));
    expect(of("2001:db8:1:3::1")).not.toBe(of("2001:db8:1:2::1"));
    expect(of("::ffff:192.0.2.1")).toBe(filter.getBucketFor(alice));
    expect([...filter.buckets.keys()]).toEqual(["2001:db8:1:2::/64", "2001:db8:1:3::/64", "192.0.2.1"]);
  });

  it("FilterByHost keeps 16,384 buckets, and those in use", () => {
    const all = new HierarchicalBucketFilter(null, clock);
    const filter = new FilterByHost(all, clock);
    filter.bucketFactory = SomeBucket;
    const host = (i: number) => new At(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 80);
    const used = Array.from({ length: 100 }, (_, i) => filter.getBucketFor(host(i)));
    for (const bucket of used) bucket.refcount++;
    for (let i = 100; i < 50_000; i++) filter.getBucketFor(host(i)).add(10);
    expect(filter.buckets.size).toBe(16_384);
    expect(used.map((_, i) => filter.getBucketFor(host(i)))).toEqual(used);
    expect(all.getBucketFor(alice).refcount).toBe(16_384);
    expect(filter.buckets.has(host(49_999).getPeer().host)).toBe(true);
  });

  it("has more buckets than maxBuckets while all are in use, and no more than that once they are not", () => {
    const filter = new FilterByHost(null, clock);
    filter.maxBuckets = 2;
    for (let i = 1; i <= 4; i++) filter.getBucketFor(new At(`192.0.2.${i}`, 80)).refcount++;
    expect(filter.buckets.size).toBe(4);
    for (const bucket of filter.buckets.values()) bucket.refcount--;
    filter.getBucketFor(new At("192.0.2.5", 80));
    expect(filter.buckets.size).toBe(2);
  });

  it("FilterByServer has one bucket for each local port", () => {
    const filter = new FilterByServer(null, clock);
    expect(filter.getBucketFor(alice)).toBe(filter.getBucketFor(bob));
    expect(filter.getBucketFor(bob)).not.toBe(filter.getBucketFor(bobAgain));
  });

  it("creates buckets of its bucketFactory", () => {
    const filter = new FilterByHost(null, clock);
    filter.bucketFactory = SomeBucket;
    expect(filter.getBucketFor(alice).add(1000)).toBe(100);
  });

  it("gives each bucket the parent's bucket as its parent", () => {
    const all = new HierarchicalBucketFilter(null, clock);
    const filter = new FilterByHost(all, clock);
    expect(filter.getBucketFor(alice).parentBucket).toBe(all.getBucketFor(alice));
    expect(filter.getBucketFor(bob).parentBucket).toBe(all.getBucketFor(alice));
  });

  it("removes only empty and unused buckets in sweep()", () => {
    const all = new HierarchicalBucketFilter(null, clock);
    const filter = new FilterByHost(all, clock);
    filter.bucketFactory = SomeBucket;
    const used = filter.getBucketFor(alice);
    used.refcount++;
    filter.getBucketFor(bob).add(10);
    filter.sweep();
    expect(filter.buckets.size).toBe(2);
    clock.advance(5);
    filter.sweep();
    expect([...filter.buckets.values()]).toEqual([used]);
    expect(all.getBucketFor(alice).refcount).toBe(1);
    all.sweep();
    expect(all.buckets.size).toBe(1);
    used.refcount--;
    filter.sweep();
    all.sweep();
    expect([filter.buckets.size, all.buckets.size]).toEqual([0, 0]);
  });

  it("sweeps by itself once its interval has passed", () => {
    const filter = new FilterByHost(null, clock);
    filter.getBucketFor(alice);
    clock.advance(20 * 60);
    filter.getBucketFor(bob);
    expect(filter.buckets.size).toBe(2);
    clock.advance(1);
    filter.getBucketFor(bob);
    expect(filter.buckets.size).toBe(1);
  });
});

/** Keeps what is written, and its producer. */
class Sink implements Consumer {
  text = "";
  writes = 0;
  producer: PushProducer | PullProducer | undefined;
  onWrite: () => void = () => {};

  write(data: Bytes): void {
    this.text += Buffer.from(data as string).toString("latin1");
    this.writes++;
    this.onWrite();
  }
  registerProducer(producer: PushProducer | PullProducer): void {
    expect(this.producer).toBeUndefined();
    this.producer = producer;
  }
  unregisterProducer(): void {
    this.producer = undefined;
  }
}

function shaped(some: Bucket = bucket()): { sink: Sink; shaper: ShapedConsumer; some: Bucket } {
  const sink = new Sink();
  return { sink, some, shaper: new ShapedConsumer(sink, some, clock) };
}

describe("a ShapedConsumer", () => {
  it("writes what fits at once, and no more", () => {
    const { sink, shaper } = shaped();
    shaper.write("x".repeat(60));
    shaper.write("y".repeat(60));
    expect(sink.text).toBe("x".repeat(60) + "y".repeat(40));
    expect(shaper.waiting).toBe(20);
  });

  it("writes the rest at the bucket's rate, in order", () => {
    const { sink, shaper, some } = shaped();
    some.add(100);
    shaper.write("0123456789");
    shaper.write(Buffer.from("abcdefghij"));
    expect(sink.text).toBe("");
    clock.advance(5);
    expect(sink.text).toBe("0123456789");
    clock.advance(2);
    expect(sink.text).toBe("0123456789abcd");
    clock.advance(3);
    expect([sink.text, shaper.waiting]).toEqual(["0123456789abcdefghij", 0]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("keeps the order when its consumer writes again inside a write", () => {
    const { sink, shaper } = shaped();
    shaper.pauseProducing();
    for (const text of ["a", "b"]) shaper.write(text);
    sink.onWrite = () => {
      sink.onWrite = () => {};
      shaper.write("c");
    };
    shaper.resumeProducing();
    clock.advance(1);
    expect(sink.text).toBe("abc");
    const full = shaped();
    full.some.add(98);
    full.sink.onWrite = () => {
      full.sink.onWrite = () => {};
      full.shaper.write("de");
    };
    full.shaper.write("abc");
    clock.advance(5);
    expect(full.sink.text).toBe("abcde");
  });

  it("sends each byte once when its consumer throws in between", () => {
    const { sink, shaper } = shaped();
    shaper.pauseProducing();
    for (const text of ["a", "b", "c"]) shaper.write(text);
    sink.onWrite = () => {
      sink.onWrite = () => {};
      throw new RangeError("once");
    };
    expect(() => shaper.resumeProducing()).toThrow("once");
    shaper.write("d");
    clock.advance(1);
    expect([sink.text, shaper.waiting]).toEqual(["abcd", 0]);
  });

  const failures: readonly (readonly [string, () => unknown])[] = [
    [
      "throws",
      () => {
        throw new RangeError("no more");
      },
    ],
    [
      "rejects",
      async () => {
        throw new RangeError("no more");
      },
    ],
  ];
  it.each(failures)("unregisters a producer that %s, and logs it", async (_how, fail) => {
    const asked = shaped();
    asked.shaper.registerProducer({ resumeProducing: fail, stopProducing() {} } as PullProducer, false);
    const stopped = shaped();
    stopped.shaper.registerProducer({ resumeProducing() {}, stopProducing: fail } as PullProducer, false);
    stopped.shaper.stopProducing();
    await turns(1);
    expect([asked.shaper.producer, stopped.shaper.producer]).toEqual([null, null]);
    expect(log().map((line) => line.slice(-19))).toEqual(["RangeError: no more", "RangeError: no more"]);
  });

  it("copies what it queues", () => {
    const { sink, shaper, some } = shaped();
    some.add(100);
    const lent = Buffer.from("lent");
    shaper.write(lent);
    lent.fill("?");
    clock.advance(2);
    expect(sink.text).toBe("lent");
  });

  it("writes larger pieces at intervals rather than many tiny ones", () => {
    const fast = bucket();
    fast.maxburst = 1000;
    fast.rate = 1000;
    const { sink, shaper } = shaped(fast);
    shaper.write("x".repeat(3000));
    for (let i = 0; i < 2010; i++) clock.advance(0.001);
    expect(sink.text.length).toBe(3000);
    expect(sink.writes).toBeLessThan(50);
  });

  it("writes everything through a bucket without a rate limit", () => {
    const wide = bucket();
    wide.rate = null;
    const { sink, shaper } = shaped(wide);
    shaper.write("x".repeat(1000));
    expect(sink.text.length).toBe(1000);
  });

  it("shares the rate of a parent with another", () => {
    const parent = bucket();
    const one = shaped(bucket(parent));
    const two = shaped(bucket(parent));
    one.shaper.write("x".repeat(500));
    two.shaper.write("y".repeat(500));
    for (let i = 0; i < 100; i++) clock.advance(1);
    expect(one.sink.text.length + two.sink.text.length).toBe(300);
    expect(two.sink.text.length).toBeGreaterThanOrEqual(98);
  });

  it("applies a new rate to what is queued", () => {
    const slow = bucket();
    slow.rate = 0.001;
    const { sink, shaper, some } = shaped(slow);
    shaper.write("x".repeat(150));
    some.rate = 100;
    clock.advance(1);
    expect(sink.text.length).toBe(150);
  });

  it("writes nothing while the consumer has paused it", () => {
    const { sink, shaper } = shaped();
    shaper.pauseProducing();
    shaper.write("hello");
    clock.advance(10);
    expect(sink.text).toBe("");
    shaper.resumeProducing();
    expect(sink.text).toBe("hello");
  });

  it("writes nothing when it is paused in the middle, or while its timer runs", () => {
    const { sink, shaper } = shaped();
    shaper.write("x".repeat(110));
    shaper.pauseProducing();
    clock.advance(5);
    expect(sink.text.length).toBe(100);
    shaper.resumeProducing();
    expect(sink.text.length).toBe(110);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("pauses a push producer above the high-water mark, and resumes it when the queue is empty", () => {
    const { shaper } = shaped();
    shaper.bufferSize = 50;
    const producer = new Told();
    shaper.registerProducer(producer, true);
    expect(producer.calls).toEqual([]);
    shaper.write("x".repeat(149));
    expect([producer.calls, shaper.producing]).toEqual([[], false]);
    shaper.write("x");
    shaper.write("x");
    expect([producer.calls, shaper.producing]).toEqual([["pause"], true]);
    clock.advance(25);
    expect(producer.calls).toEqual(["pause"]);
    clock.advance(0.6);
    expect(producer.calls).toEqual(["pause", "resume"]);
  });

  /** Writes a piece each time it is asked. */
  class Pieces implements PullProducer {
    asked = 0;
    stopped = false;
    readonly #shaper: ShapedConsumer;
    readonly #count: number;
    constructor(shaper: ShapedConsumer, count: number) {
      this.#shaper = shaper;
      this.#count = count;
    }
    resumeProducing(): void {
      this.asked++;
      this.#shaper.write("x".repeat(30));
      if (this.asked === this.#count) this.#shaper.unregisterProducer();
    }
    stopProducing(): void {
      this.stopped = true;
    }
  }

  it("asks a pull producer until something is queued, and again when the queue is empty", () => {
    const { sink, shaper } = shaped();
    const producer = new Pieces(shaper, 5);
    shaper.registerProducer(producer, false);
    expect([producer.asked, shaper.waiting, shaper.producing]).toEqual([4, 20, true]);
    clock.advance(10);
    expect(producer.asked).toBe(5);
    clock.advance(15);
    expect(sink.text.length).toBe(150);
  });

  it("does not ask a pull producer while the consumer has paused", () => {
    const { sink, shaper } = shaped();
    sink.onWrite = () => shaper.pauseProducing();
    const producer = new Pieces(shaper, 5);
    shaper.registerProducer(producer, false);
    expect(producer.asked).toBe(1);
    shaper.resumeProducing();
    expect(producer.asked).toBe(2);
  });

  it("asks a pull producer again when it has written asynchronously", () => {
    const { shaper } = shaped();
    const producer = new Told();
    shaper.registerProducer(producer, false);
    expect(producer.calls).toEqual(["resume"]);
    shaper.write("later");
    expect(producer.calls).toEqual(["resume", "resume"]);
  });

  it("unregisters from the consumer when its producer has and the queue is empty, and can be used again", () => {
    const { sink, shaper, some } = shaped();
    shaper.registerProducer(new Told(), true);
    shaper.write("x".repeat(110));
    shaper.unregisterProducer();
    expect([sink.producer, some.refcount]).toEqual([shaper, 1]);
    clock.advance(5);
    expect([sink.producer, some.refcount]).toEqual([undefined, 0]);
    shaper.registerProducer(new Told(), true);
    expect([sink.producer, some.refcount]).toEqual([shaper, 1]);
    shaper.unregisterProducer();
    shaper.unregisterProducer();
    expect([sink.producer, some.refcount]).toEqual([undefined, 0]);
    shaper.detach();
    expect(some.refcount).toBe(0);
  });

  it("refuses a second producer", () => {
    const { shaper } = shaped();
    shaper.registerProducer(new Told(), true);
    expect(() => shaper.registerProducer(new Told(), true)).toThrow("already has a producer");
  });

  it("drops its queue and stops its producer when the consumer stops it", () => {
    const { sink, shaper, some } = shaped();
    const producer = new Told();
    shaper.registerProducer(producer, true);
    shaper.write("x".repeat(110));
    shaper.stopProducing();
    shaper.stopProducing();
    expect([producer.calls, shaper.waiting, some.refcount]).toEqual([["stop"], 0, 0]);
    expect(clock.getDelayedCalls()).toEqual([]);
    shaper.write("too late");
    shaper.resumeProducing();
    expect(sink.text.length).toBe(100);
    const late = new Told();
    shaper.registerProducer(late, true);
    expect(late.calls).toEqual(["stop"]);
  });

  it("may be stopped by its consumer inside a write", () => {
    const { sink, shaper } = shaped();
    sink.onWrite = () => shaper.stopProducing();
    shaper.write("x".repeat(200));
    expect([sink.text.length, shaper.waiting]).toEqual([100, 0]);
    expect(clock.getDelayedCalls()).toEqual([]);
    const other = shaped();
    other.shaper.pauseProducing();
    for (let i = 0; i < 3; i++) other.shaper.write("abc");
    other.sink.onWrite = () => other.shaper.stopProducing();
    other.shaper.resumeProducing();
    expect([other.sink.text, other.shaper.waiting]).toEqual(["abc", 0]);
  });
});

describe("a ShapedProtocolFactory", () => {
  class SomeFilter extends FilterByHost {
    override bucketFactory = SomeBucket;
  }
  function shaping() {
    const filter = new SomeFilter(null, clock);
    const factory = new ShapedProtocolFactory(keepers(), filter, clock);
    const connected = connect(factory);
    return { filter, factory, some: filter.getBucketFor(connected.transport), ...connected };
  }

  it("sends what is written at the rate of the connection's bucket", () => {
    const { wrapped, transport } = shaping();
    wrapped.transport.write("x".repeat(90));
    wrapped.transport.writeSequence(["0123456789", "abcdefghij"]);
    expect(transport.take().length).toBe(100);
    clock.advance(5);
    expect(transport.take()).toBe("abcdefghij");
  });

  it("shares the bucket between connections of one host", () => {
    const { factory, wrapped, transport } = shaping();
    const other = connect(factory);
    wrapped.transport.write("x".repeat(80));
    other.wrapped.transport.write("y".repeat(80));
    expect([transport.take().length, other.transport.take().length]).toEqual([80, 20]);
  });

  it("delivers received bytes at once", () => {
    const { wrapped, transport } = shaping();
    transport.receive("x".repeat(1000));
    expect(wrapped.received.length).toBe(1000);
  });

  it("closes when everything is sent, and is `disconnecting` meanwhile", () => {
    const { wrapped, transport } = shaping();
    wrapped.transport.write("x".repeat(110));
    wrapped.transport.loseConnection();
    wrapped.transport.loseConnection();
    expect([transport.disconnecting, wrapped.transport.disconnecting, transport.paused]).toEqual([false, true, true]);
    wrapped.transport.write("too late");
    wrapped.transport.resumeProducing();
    transport.receive("too late");
    expect(transport.paused).toBe(true);
    clock.advance(5);
    expect([transport.take().length, transport.disconnecting, transport.producer]).toEqual([110, true, null]);
    expect(wrapped.received).toBe("");
  });

  it("tells the protocol of the loss when its producer cannot be stopped", async () => {
    const { wrapper, wrapped, transport, factory } = shaping();
    const stopProducing = (): never => {
      throw new RangeError("not now");
    };
    wrapper.registerProducer({ pauseProducing() {}, resumeProducing() {}, stopProducing }, true);
    wrapper.loseConnection();
    transport.lose();
    expect([wrapped.calls.at(-1), factory.protocols.size]).toEqual(["connectionLost", 0]);
  });

  it("ends the connection of a producer that rejects", async () => {
    const { wrapper, transport } = shaping();
    const resumeProducing = async (): Promise<never> => {
      throw new RangeError("no more");
    };
    wrapper.registerProducer({ resumeProducing, stopProducing() {} }, false);
    await turns(1);
    expect(transport.aborted).toBe(true);
  });

  it("closes at once when nothing is queued", () => {
    const { wrapped, transport } = shaping();
    wrapped.transport.write("bye");
    wrapped.transport.loseConnection();
    expect([transport.take(), transport.disconnecting]).toEqual(["bye", true]);
  });

  it("closes after its producer has finished", () => {
    const { wrapped, transport } = shaping();
    const producer = new Told();
    wrapped.transport.registerProducer(producer, false);
    wrapped.transport.loseConnection();
    expect(transport.disconnecting).toBe(false);
    wrapped.transport.write("last words");
    wrapped.transport.unregisterProducer();
    expect([transport.take(), transport.disconnecting]).toEqual(["last words", true]);
  });

  it("aborts at once, and drops its queue", () => {
    const { wrapped, transport, some } = shaping();
    wrapped.transport.write("x".repeat(110));
    wrapped.transport.abortConnection();
    expect(transport.aborted).toBe(true);
    transport.lose();
    expect(some.refcount).toBe(0);
    expect(clock.getDelayedCalls()).toEqual([]);
    expect(wrapped.calls).toEqual(["connectionMade", "connectionLost"]);
  });

  it("half-closes when everything is sent", () => {
    const { wrapped, transport } = shaping();
    wrapped.transport.write("x".repeat(110));
    wrapped.transport.loseWriteConnection();
    wrapped.transport.write("too late");
    expect(transport.halfClosed).toBe(false);
    clock.advance(5);
    expect([transport.take().length, transport.halfClosed, transport.disconnecting]).toEqual([110, true, false]);
  });

  it("sends everything when the peer has half-closed", () => {
    const { wrapped, transport } = shaping();
    wrapped.transport.write("x".repeat(110));
    transport.end();
    expect(transport.disconnecting).toBe(false);
    clock.advance(5);
    expect([transport.take().length, transport.disconnecting]).toEqual([110, true]);
  });

  it("tells a half-closeable protocol of each half, and stays open", () => {
    const factory = new ShapedProtocolFactory(keepers(HalfKeeper), new SomeFilter(null, clock), clock);
    const { wrapped, transport } = connect(factory);
    transport.end();
    transport.ended();
    expect(wrapped.calls).toEqual(["connectionMade", "readConnectionLost", "writeConnectionLost"]);
    expect(transport.disconnecting).toBe(false);
  });

  it("applies back-pressure to an echo protocol", () => {
    const factory = new ShapedProtocolFactory(keepers(Echo), new SomeFilter(null, clock), clock);
    const { wrapper, transport } = connect(factory);
    expect(borrowsFrom(wrapper)).toBe(true);
    transport.receive("x".repeat(64 * 1024 + 100));
    expect(transport.paused).toBe(true);
    for (let i = 0; i < 32 * 1024; i++) clock.advance(1);
    expect(transport.paused).toBe(false);
    expect(transport.take().length).toBe(64 * 1024 + 100);
  });

  it("releases its bucket when the connection is lost", () => {
    const { filter, factory, transport, some } = shaping();
    expect(some.refcount).toBe(1);
    transport.lose();
    expect([some.refcount, factory.protocols.size]).toEqual([0, 0]);
    filter.sweep();
    expect(filter.buckets.size).toBe(0);
  });

  it("shapes a protocol that switchProtocol() put in place", () => {
    const { wrapped, transport } = shaping();
    const next = new Keeper();
    wrapped.transport.switchProtocol(next);
    next.transport.write("x".repeat(110));
    expect(transport.take().length).toBe(100);
  });

  it("delivers connectionLost() when getBucketFor() throws", () => {
    const filter = {
      getBucketFor(): Bucket {
        throw new Error("no bucket");
      },
    };
    const wrapper = new ShapedProtocolFactory(keepers(), filter, clock).buildProtocol(PEER)!;
    const transport = new HalfTransport();
    expect(() => transport.connect(wrapper)).toThrow("no bucket");
    transport.lose();
    expect(wrapper.wrappedProtocol.calls).toEqual(["connectionLost"]);
  });

  it("has the type of the wrapped protocol", () => {
    expectTypeOf(shaping().wrapped).toEqualTypeOf<Keeper>();
  });
});
