/** What the clients of one peer may send to a chat room together, however often they connect. */
import { beforeEach, describe, expect, it } from "vitest";
import { type Chat, ChatFactory, type ChatLimits } from "../../src/protocols/chat.ts";
import { Clock } from "../../src/testing/clock.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";

const MALLORY = "192.0.2.66";

let clock: Clock;
let factory: ChatFactory;
let alice: FakeTransport;

function visit(host: string): FakeTransport {
  const transport = new FakeTransport(host);
  return transport.connect(factory.buildProtocol(transport.getPeer()) as Chat);
}

function enter(name: string, host: string): FakeTransport {
  const visitor = visit(host);
  visitor.receive(`${name}\n`);
  return visitor;
}

/** How many lines alice has got since the last time. */
function heard(): number {
  return alice.take().split("\r\n").length - 1;
}

/** Alice is there, who sends nothing; nobody else has sent anything. */
function room(limits: Partial<ChatLimits> = {}): void {
  clock = new Clock();
  factory = new ChatFactory(clock, limits);
  alice = enter("alice", "192.0.2.1");
  alice.take();
}

beforeEach(() => room());

describe("the lines of a peer", () => {
  it("are a burst and then so many a second, however often it connects", () => {
    for (let second = 0; second < 10; second++) {
      for (let i = 0; i < 40; i++) {
        const mallory = enter(`m${second}_${i}`, MALLORY);
        mallory.receive("x\n".repeat(40));
        mallory.lose();
      }
      clock.advance(1);
    }
    // Each that gives a name as the last line may leave one more.
    expect(heard()).toBeLessThanOrEqual(160 + 10 * 20 + 1);
    clock.advance(60);
    enter("bob", "192.0.2.2").receive("hello\n");
    expect(alice.take()).toBe("*** bob joined.\r\n<bob> hello\r\n");
  });

  it("are those of all its connections; other peers have their own", () => {
    room({ peerLinesPerSecond: 2, peerLineBurst: 6 });
    const [one, two] = [enter("one", MALLORY), enter("two", MALLORY)];
    const bob = enter("bob", "192.0.2.2");
    alice.take();
    one.receive("1\n2\n3\n");
    one.take();
    two.receive("4\n5\n6\n");
    expect(alice.take()).toBe("<one> 1\r\n<one> 2\r\n<one> 3\r\n<two> 4\r\n");
    expect(two.take()).toContain(
      "*** Not so fast: from your address, 2 lines a second are allowed. Some of yours are dropped.\r\n",
    );
    bob.receive("hello\n");
    expect(alice.take()).toBe("<bob> hello\r\n");
    clock.advance(0.5);
    one.receive("7\n8\n");
    expect(alice.take()).toBe("<one> 7\r\n");
    expect([one.disconnecting, two.disconnecting]).toEqual([false, false]);
  });

  it("that a client may not send itself are not charged to the others", () => {
    room({ lineBurst: 4, peerLineBurst: 8 });
    const [one, two] = [enter("one", MALLORY), enter("two", MALLORY)];
    one.receive("x\n".repeat(6));
    alice.take();
    two.receive("1\n2\n3\n");
    expect(alice.take()).toBe("<two> 1\r\n<two> 2\r\n<two> 3\r\n");
  });

  it("close the connection when as many as its own burst were dropped", () => {
    room({ lineBurst: 10, peerLineBurst: 3 });
    const mallory = enter("mallory", MALLORY);
    mallory.receive("x\n".repeat(11));
    expect(mallory.disconnecting).toBe(false);
    mallory.receive("x\n");
    expect(mallory.disconnecting).toBe(true);
  });

  it("are used by its comings and goings, too", () => {
    room({ peerLinesPerSecond: 2, peerLineBurst: 10 });
    for (let i = 0; i < 20; i++) enter(`m${i}`, MALLORY).lose();
    expect(heard()).toBe(10);
    clock.advance(1);
    for (let i = 0; i < 20; i++) enter(`n${i}`, MALLORY).lose();
    expect(heard()).toBe(2);
    // The last one to leave is told even so, and is owed.
    clock.advance(0.5);
    enter("o", MALLORY).lose();
    expect(alice.take()).toBe("*** o joined.\r\n*** o left.\r\n");
    clock.advance(0.5);
    enter("p", MALLORY);
    expect(heard()).toBe(0);
  });

  it("may be without a limit", () => {
    room({ peerLinesPerSecond: Number.POSITIVE_INFINITY, peerLineBurst: 1 });
    for (let i = 0; i < 20; i++) enter(`m${i}`, MALLORY).lose();
    expect(heard()).toBe(40);
  });
});

describe("a peer", () => {
  it("is forgotten when it has no connection and may send a burst again, without a timer", () => {
    room({ peerLinesPerSecond: 2, peerLineBurst: 10 });
    visit("192.0.2.3").lose();
    expect(factory.peers.size).toBe(1);
    const [one, two] = [enter("one", MALLORY), visit(MALLORY)];
    expect(factory.peers.size).toBe(2);
    one.lose();
    two.lose();
    expect(clock.getDelayedCalls()).toEqual([]);
    clock.advance(0.9);
    visit("192.0.2.3").lose();
    expect(factory.peers.size).toBe(2);
    clock.advance(0.1);
    visit("192.0.2.3").lose();
    expect(factory.peers.size).toBe(1);
  });

  it("is forgotten before that when 16,384 others left after it", () => {
    const { peers } = factory;
    for (let i = 0; i < 20_000; i++) {
      const peer = peers.enter(`10.1.${i >> 8}.${i & 255}`);
      peer.lines.take();
      peers.leave(peer);
    }
    expect(factory.peers.size).toBe(16_384 + 1);
  });
});
