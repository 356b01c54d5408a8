/** Whose line a chat room sends next, and when. */
import { describe, expect, it } from "vitest";
import { IPv6Address } from "../../src/internet/address.ts";
import { peerNetworks } from "../../src/internet/networks.ts";
import { FairQueue, type Line } from "../../src/protocols/chat/fairqueue.ts";
import { Turns } from "../../src/protocols/chat/turns.ts";
import { type Chat, ChatFactory } from "../../src/protocols/chat.ts";
import { Clock } from "../../src/testing/clock.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { between, seeded } from "../helpers/random.ts";

interface Said extends Line {
  readonly by: string;
}

function line(host: string, bytes: number, by = host): Said {
  return { networks: peerNetworks(host), bytes, by };
}

/** Take lines until one of `by`; each other's sender says the next as long as the one before. */
function takenBefore(queue: FairQueue<Said>, by: string): Said[] {
  const taken: Said[] = [];
  for (;;) {
    const next = queue.take();
    if (next.by === by) return taken;
    taken.push(next);
    queue.add({ ...next });
  }
}

const addresses = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`);

describe("a fair queue", () => {
  it("sends a short line before longer ones, but for one of them, however many hosts wait and since when", () => {
    const queue = new FairQueue<Said>();
    for (const host of addresses(1000)) queue.add(line(host, 1000));
    for (let i = 0; i < 2500; i++) queue.add({ ...queue.take() });
    queue.add(line("192.0.2.1", 64));
    // Of 1,000 lines of 1,000 bytes, those are due that would end within 64 bytes.
    expect(takenBefore(queue, "192.0.2.1").length).toBeLessThanOrEqual(100);
  });

  it("sends no more of each other network before a line than the line has, and one line", () => {
    const random = seeded(1);
    const bytesOfOne = () => between(random, 64, 1063);
    for (let round = 0; round < 20; round++) {
      const queue = new FairQueue<Said>();
      const hosts = addresses(between(random, 2, 61));
      for (const host of hosts) queue.add(line(host, bytesOfOne()));
      for (let i = between(random, 0, 500); i > 0; i--) queue.add({ ...queue.take(), bytes: bytesOfOne() });
      const bytes = bytesOfOne();
      queue.add(line("192.0.2.1", bytes));
      const sum = takenBefore(queue, "192.0.2.1").reduce((all, taken) => all + taken.bytes, 0);
      expect(sum).toBeLessThanOrEqual(hosts.length * bytes + 1064);
    }
  });

  it("lets 256 networks of one customer send as much as one address, and each network in it the same", () => {
    const queue = new FairQueue<Said>();
    for (let i = 0; i < 256; i++) queue.add(line(`2001:db8:1:2${i.toString(16).padStart(2, "0")}::1`, 500, "crowd"));
    queue.add(line("2001:db8:1:300::1", 500, "neighbour"));
    queue.add(line("192.0.2.1", 500, "alice"));
    const sent = new Map<string, number>();
    for (let i = 0; i < 400; i++) {
      const next = queue.take();
      sent.set(next.by, (sent.get(next.by) ?? 0) + 1);
      queue.add({ ...next });
    }
    expect(sent.get("alice")).toBe(200);
    expect(sent.get("neighbour")).toBe(100);
    expect(sent.get("crowd")).toBe(100);
  });

  it("gives who says one line after the other no more than who always waits", () => {
    const queue = new FairQueue<Said>();
    queue.add(line("192.0.2.1", 100, "hasty"));
    for (let i = 0; i < 9; i++) queue.add(line("192.0.2.2", 100, "crowd"));
    let hasty = 0;
    for (let i = 0; i < 100; i++) {
      const next = queue.take();
      if (next.by === "hasty") hasty++;
      queue.add({ ...next });
    }
    expect(hasty).toBe(50);
  });

  it("forgets who went, and is empty at the end", () => {
    const queue = new FairQueue<Said>();
    const lines = addresses(10).map((host) => line(host, 100));
    for (const each of lines) queue.add(each);
    queue.remove(lines[3]!);
    queue.remove(lines[3]!);
    const taken = Array.from({ length: 9 }, () => queue.take().by);
    expect(taken.toSorted()).toEqual(addresses(10).filter((_, i) => i !== 3));
    expect(queue.isEmpty).toBe(true);
    queue.remove(lines[0]!);
    expect(queue.isEmpty).toBe(true);
  });
});

describe("the networks of a peer", () => {
  it.each([
    ["192.0.2.7", ["192.0.2.7"]],
    ["::ffff:192.0.2.7", ["192.0.2.7"]],
    ["2001:db8:1:203::1", ["2001:db8:1::/48", "2001:db8:1:200::/56", "2001:db8:1:203::/64"]],
    ["2001:db8::1", ["2001:db8:0::/48", "2001:db8:0:0::/56", "2001:db8:0:0::/64"]],
    ["fe80::1%2", ["fe80::/10%2", "fe80:0:0:0:0:0:0:1%2"]],
    ["fe80.socket", ["fe80.socket"]],
    ["x::/64", ["x::/64"]],
  ])("at %j are %j", (host, networks) => {
    expect(peerNetworks(host)).toEqual(networks);
  });
});

describe("a chat room", () => {
  class At extends FakeTransport {
    readonly #host: string;

    constructor(host: string) {
      super();
      this.#host = host;
    }
    override getPeer(): IPv6Address {
      return new IPv6Address("TCP", this.#host, 54321);
    }
  }

  it("sends a line after one of a customer's 256 networks, all of which wait", () => {
    const clock = new Clock();
    const factory = new ChatFactory(clock, { roomBytesPerSecond: 100_000 });
    const enter = (name: string, host: string) => {
      const transport = new At(host);
      transport.connect(factory.buildProtocol(transport.getPeer()) as Chat);
      transport.receive(`${name}\n`);
      clock.advance(1);
      return transport;
    };
    const crowd = Array.from({ length: 256 }, (_, i) =>
      enter(`m${i}`, `2001:db8:1:2${(i + 256).toString(16).slice(1)}::1`),
    );
    const [alice, bob] = [enter("alice", "2001:db8:2::1"), enter("bob", "2001:db8:3::1")];
    clock.advance(60);
    for (const member of crowd) member.receive(`${"y".repeat(100)}\n`.repeat(3));
    bob.take();
    alice.receive("hello\n");
    while (alice.paused) clock.advance(0.01);
    const before = bob.take().split("\r\n").indexOf("<alice> hello");
    expect(before).toBeGreaterThanOrEqual(0);
    expect(before).toBeLessThanOrEqual(2);
  });
});

describe("a turn that throws", () => {
  it("ends neither the other turns nor those that come later; the clock's caller gets the error", () => {
    const clock = new Clock();
    const turns = new Turns(clock, 100);
    const taken: string[] = [];
    turns.spend(1000);
    turns.wait(["a"], 64, () => {
      throw new Error("boom");
    });
    turns.wait(["b"], 64, () => taken.push("b"));
    expect(() => clock.advance(60)).toThrow("boom");
    clock.advance(1);
    expect(taken).toEqual(["b"]);
    turns.spend(1000);
    turns.wait(["c"], 64, () => taken.push("c"));
    clock.advance(60);
    expect(taken).toEqual(["b", "c"]);
    expect([turns.areFree, clock.getDelayedCalls()]).toEqual([true, []]);
  });
});
