/** What a client of a chat room may send, make the room send, and be called. */
import { beforeEach, describe, expect, it } from "vitest";
import { HIGH_WATER } from "../../src/internet/stream/sendqueue.ts";
import { type Chat, ChatFactory, type ChatLimits } from "../../src/protocols/chat.ts";
import { Clock } from "../../src/testing/clock.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";

let clock: Clock;
let factory: ChatFactory;

function room(limits?: Partial<ChatLimits>): void {
  clock = new Clock();
  factory = new ChatFactory(clock, limits);
}

function visit<T extends FakeTransport>(transport: T = new FakeTransport() as T): T {
  return transport.connect(factory.buildProtocol(transport.getPeer()) as Chat);
}

function enter<T extends FakeTransport>(name: string, transport?: T): T {
  const visitor = visit(transport);
  visitor.receive(`${name}\n`);
  visitor.take();
  return visitor;
}

/** Keeps nothing of what is written to it. */
class Reader extends FakeTransport {
  override write(): void {}
}

/** Its peer reads nothing. */
class Clogged extends FakeTransport {
  queued = 0;

  protected override put(data: Buffer): void {
    this.queued += data.length;
    if (this.queued > HIGH_WATER) this.congest();
  }

  /** The peer has read everything. */
  read(): number {
    const { queued } = this;
    this.queued = 0;
    this.drain();
    return queued;
  }
}

beforeEach(() => room());

describe("a room of 2,000 members whose names have 24 characters of four bytes", () => {
  const MEMBERS = 2000;
  const NAMES = "/names\n".repeat(18_000);

  function full(limits: Partial<ChatLimits> = {}): void {
    room({ maxMembers: MEMBERS + 1, peerLinesPerSecond: Number.POSITIVE_INFINITY, ...limits });
    for (let i = 0; i < MEMBERS; i++) enter(`${"\u{20000}".repeat(20)}${String(i).padStart(4, "0")}`, new Reader());
  }

  it("queues no more for 18,000 pipelined /names that nobody reads the answers of than the mark and one answer", () => {
    full({ linesPerSecond: Number.POSITIVE_INFINITY });
    const attacker = enter("eve", new Clogged());
    attacker.queued = 0;
    const answer = Buffer.byteLength(factory.roll());
    expect(answer).toBeLessThanOrEqual(50 * (24 * 4 + 2) + 60);
    attacker.receive(NAMES);
    expect(attacker.queued).toBeLessThanOrEqual(HIGH_WATER + answer + 2);
    // Nothing was lost: a peer that reads gets its answers.
    expect(attacker.read()).toBeGreaterThan(0);
    expect(attacker.queued).toBeGreaterThan(HIGH_WATER);
    expect(attacker.aborted).toBe(false);
    clock.advance(30);
    expect(attacker.aborted).toBe(true);
  });

  it("answers a burst of them even to a peer that reads, then closes", () => {
    full();
    const attacker = enter("eve", new FakeTransport());
    attacker.receive(NAMES);
    expect(attacker.disconnecting).toBe(true);
    expect(attacker.value().length).toBeLessThan(256 * 1024);
  });

  it("lists 50 of them and the number of all, and makes the list only when somebody came or went", () => {
    full();
    const alice = enter("alice");
    alice.receive("/names\n");
    const list = alice.take();
    expect(list).toMatch(/^\*\*\* Here are 2001: .*0000, .*0049 and 1951 more\r\n$/u);
    const before = factory.roll();
    expect(factory.roll()).toBe(before);
    alice.lose();
    expect(factory.roll()).toMatch(/^\*\*\* Here are 2000: .* and 1950 more$/u);
  });
});

describe("slow members", () => {
  it("that one message drops are announced in one line, as are those whom that line drops", () => {
    room({
      maxBacklog: 500,
      peerLinesPerSecond: Number.POSITIVE_INFINITY,
      roomBytesPerSecond: Number.POSITIVE_INFINITY,
    });
    const alice = enter("alice");
    const slow = Array.from({ length: 60 }, (_, i) => enter(`slow${i}`));
    const slower = Array.from({ length: 900 }, (_, i) => enter(`slower${i}`, new Reader()));
    for (const transport of slow) transport.congest();
    alice.receive(`${"a".repeat(100)}\n`);
    for (const transport of slower) transport.congest();
    alice.take();
    alice.receive(`${"b".repeat(450)}\n`);
    expect([...slow, ...slower].every((transport) => transport.aborted)).toBe(true);
    const lines = alice.take().split("\r\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^\*\*\* slow0, slow1, .*, slow49 and 10 more were too slow to keep up, and left\.$/);
    expect(lines[1]).toMatch(/^\*\*\* slower0, .* and 850 more were too slow to keep up, and left\.$/);
    expect(factory.roll()).toBe("*** Here is: alice");
  });
});

describe("what waits for all clients together", () => {
  it("is bounded: whoever has been above the mark for the longest is dropped, and no other", () => {
    room({ maxRoomBacklog: 1000, peerLinesPerSecond: Number.POSITIVE_INFINITY });
    const [alice, bob, carol, dave] = [enter("alice"), enter("bob"), enter("carol"), enter("dave")];
    carol.congest();
    alice.receive(`${"a".repeat(400)}\n`);
    bob.congest();
    expect([carol, bob].map(({ aborted }) => aborted)).toEqual([false, false]);
    alice.receive(`${"b".repeat(400)}\n`);
    expect([carol, bob, dave].map(({ aborted }) => aborted)).toEqual([true, false, false]);
    expect(factory.backlogs.bytes).toBeLessThanOrEqual(1000);
    expect(alice.take()).toContain("*** carol was too slow to keep up, and left.\r\n");
    expect(dave.take()).toContain("<alice> bbb");
    bob.drain();
    expect(factory.backlogs.bytes).toBe(0);
  });

  it("is at most 64 MiB above the marks of 1,000 members who read nothing, whom it drops one by one", () => {
    room({ peerLinesPerSecond: Number.POSITIVE_INFINITY, linesPerSecond: Number.POSITIVE_INFINITY });
    const silent = Array.from({ length: 1000 }, (_, i) => enter(`m${i}`, new Reader()));
    const alice = enter("alice", new FakeTransport("192.0.2.9"));
    for (const member of silent) member.congest();
    let most = 0;
    while (silent.every(({ aborted }) => !aborted)) {
      alice.receive(`${"a".repeat(1000)}\n`);
      clock.advance(0.05);
      most = Math.max(most, factory.backlogs.bytes);
    }
    expect(most).toBeGreaterThan(60 * 1024 * 1024);
    expect(most).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect(silent.filter(({ aborted }) => aborted).length).toBeLessThan(50);
    expect(silent[0]!.aborted).toBe(true);
    for (const member of silent) member.lose();
    expect(factory.backlogs.bytes).toBe(0);
  });

  it("goes with its client, whether it is dismissed, lost or catches up", () => {
    const [alice, bob, carol, dave] = [enter("alice"), enter("bob"), enter("carol"), enter("dave")];
    for (const slow of [bob, carol, dave]) slow.congest();
    alice.receive("hello\n");
    expect(factory.backlogs.bytes).toBe(3 * "<alice> hello\r\n".length);
    bob.drain();
    carol.lose();
    dave.receive("/quit\n");
    dave.lose();
    expect(factory.backlogs.bytes).toBe(0);
  });
});

describe("the lines of a client", () => {
  it("may be a burst, and then so many a second; the first that is dropped is answered by a warning", () => {
    room({ linesPerSecond: 2, lineBurst: 4 });
    const [alice, bob] = [enter("alice"), enter("bob")];
    alice.receive("1\n2\n3\n4\n5\n");
    // Her name was the first of the four.
    expect(bob.take()).toBe("<alice> 1\r\n<alice> 2\r\n<alice> 3\r\n");
    expect(alice.take()).toContain("*** Not so fast: 2 lines a second are allowed. Some of yours are dropped.\r\n");
    clock.advance(0.5);
    alice.receive("6\n7\n");
    expect(bob.take()).toBe("<alice> 6\r\n");
    expect(alice.take()).toBe("");
    expect(alice.disconnecting).toBe(false);
  });

  it("close the connection when as many as a burst were dropped", () => {
    room({ linesPerSecond: 2, lineBurst: 4 });
    const alice = enter("alice");
    alice.receive("x\n".repeat(6));
    expect(alice.disconnecting).toBe(false);
    alice.receive("x\n".repeat(10));
    expect(alice.disconnecting).toBe(true);
    expect(alice.take()).toContain("*** You send too many lines. Good bye.\r\n");
    alice.lose();
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("are counted anew after a silence that allows a burst again", () => {
    room({ linesPerSecond: 2, lineBurst: 4 });
    const alice = enter("alice");
    for (let i = 0; i < 5; i++) {
      alice.receive("x\n".repeat(6));
      clock.advance(2);
    }
    expect(alice.disconnecting).toBe(false);
  });

  it("are limited before it has a name, too", () => {
    const visitor = visit();
    visitor.receive("no name\n".repeat(1000));
    expect(visitor.disconnecting).toBe(true);
  });
});

describe("a client without a name", () => {
  it("is dismissed in time", () => {
    room({ nameTime: 10 });
    const [visitor, named] = [visit(), enter("alice")];
    visitor.take();
    clock.advance(9);
    visitor.receive("no name\n");
    clock.advance(1);
    expect(visitor.take()).toContain("*** You gave no name within 10 seconds. Good bye.\r\n");
    expect([visitor.disconnecting, named.disconnecting]).toEqual([true, false]);
    visitor.lose();
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("cannot enter a room that is full", () => {
    room({ maxMembers: 2 });
    const alice = enter("alice");
    enter("bob");
    const visitor = visit();
    visitor.receive("carol\n");
    expect(visitor.take()).toContain("*** 2 are here already, which is all that fit. Good bye.\r\n");
    expect(visitor.disconnecting).toBe(true);
    alice.lose();
    expect(enter("dave").disconnecting).toBe(false);
  });
});

describe("a name", () => {
  it.each([
    ["a zero-width space", "ali\u200bce"],
    ["a zero-width joiner", "alice\u200d"],
    ["a soft hyphen", "ali\u00adce"],
    ["a direction mark", "alice\u200e"],
    ["an override of the direction", "ali\u202ece"],
    ["a variation selector", "alice\ufe0f"],
    ["a combining grapheme joiner", "ali\u034fce"],
    ["a Hangul filler", "\u3164"],
    ["a halfwidth Hangul filler", "alice\uffa0"],
    ["a tag character", "alice\u{e0041}"],
    ["a Cyrillic letter among Latin ones", "\u0430lice"],
    ["a Greek letter among Latin ones", "alic\u03b5"],
    ["a Cherokee letter", "\u13aalice"],
    ["a mathematical letter among Cyrillic ones", "\u{1d41a}\u0431\u0432"],
    ["bytes that are no UTF-8", Buffer.from("616c696365ff", "hex")],
  ])("with %s is refused", (_what, name) => {
    const visitor = visit();
    visitor.take();
    visitor.receive(Buffer.concat([Buffer.from(name as string), Buffer.from("\n")]));
    expect(visitor.take()).toMatch(/^\*\*\* A name is one word of letters of one script, .* What is your name\?\r\n$/);
  });

  it.each([
    "алиса",
    "Αλίκη",
    "أليس",
    "אליס",
    "アリスちゃん",
    "爱丽丝Alice",
    "アリスAlice不思議",
    "앨리스Alice李",
    "एलिस",
    "อลิซ",
    "Zoë_2.x",
  ])("in one script, or in a usual combination, is accepted: %s", (name) => {
    const visitor = visit();
    visitor.receive(`${name}\r\n`);
    expect(visitor.take()).toContain(`Hello, ${name.normalize("NFKC")}.`);
  });

  it("is shown in the form that is compared", () => {
    const visitor = visit();
    visitor.receive("\u{1d41a}lice\n");
    expect(visitor.take()).toContain("Hello, alice.");
    const other = visit();
    other.receive("ALICE\n");
    expect(other.take()).toContain("There is a ALICE here already.");
  });
});

describe("a line", () => {
  it("loses control and format characters, but not what emoji and scripts need to join", () => {
    const [alice, bob] = [enter("alice"), enter("bob")];
    alice.receive("a\u001b[2J\u0007b\u009b\u2028c\u202ed\u2066e\u200bf\u00ad\ufeff\u{e0041}g\u3164h\n");
    expect(bob.take()).toBe("<alice> a[2Jbcdefgh\r\n");
    alice.receive("👩\u200d💻 ❤\ufe0f می\u200cخواهم\n");
    expect(bob.take()).toBe("<alice> 👩\u200d💻 ❤\ufe0f می\u200cخواهم\r\n");
  });
});

describe("the limits of a room", () => {
  it.each([
    [{ linesPerSecond: 0 }, RangeError],
    [{ lineBurst: 0.5 }, RangeError],
    [{ peerLinesPerSecond: 0 }, RangeError],
    [{ peerLineBurst: "160" }, TypeError],
    [{ maxMembers: "10" }, TypeError],
    [{ nameTime: -1 }, RangeError],
    [{ maxLine: 0 }, RangeError],
    [{ maxRoomBacklog: -1 }, RangeError],
    [{ maxNames: 1 }, TypeError],
    [null, TypeError],
  ])("%j are refused", (limits, error) => {
    expect(() => new ChatFactory(new Clock(), limits as unknown as Partial<ChatLimits>)).toThrow(error);
  });

  it("need a clock", () => {
    expect(() => new ChatFactory({} as Clock)).toThrow(TypeError);
  });
});

describe("the lines of all clients together", () => {
  // A second's budget is 8,000 bytes, of which 1,000 may be spent at once. A line to three members costs 192 at least.
  function peers(...hosts: string[]): [FakeTransport, FakeTransport, FakeTransport, ...FakeTransport[]] {
    const members = hosts.map((host, i) => enter(`m${i}`, new FakeTransport(host)));
    for (const member of members) member.take();
    clock.advance(1);
    return members as [FakeTransport, FakeTransport, FakeTransport, ...FakeTransport[]];
  }

  it("wait for their turns beyond the room's budget, their clients paused, and none is lost", () => {
    room({ roomBytesPerSecond: 8000 });
    const [alice, bob, carol] = peers("192.0.2.1", "192.0.2.2", "192.0.2.3");
    alice.receive("1\n2\n3\n4\n5\n6\n7\n8\n");
    expect(bob.take()).toBe("<m0> 1\r\n<m0> 2\r\n<m0> 3\r\n<m0> 4\r\n<m0> 5\r\n<m0> 6\r\n");
    expect(alice.paused).toBe(true);
    bob.receive("b\n");
    expect(bob.paused).toBe(true);
    carol.take();
    clock.advance(1);
    expect(carol.take()).toBe("<m0> 7\r\n<m1> b\r\n<m0> 8\r\n");
    expect([alice.paused, bob.paused]).toEqual([false, false]);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("are sent by peers in turn, however many connections each has", () => {
    room({ roomBytesPerSecond: 8000 });
    const crowd = peers("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1");
    const alice = enter("alice", new FakeTransport("192.0.2.9"));
    clock.advance(1);
    for (const member of crowd) member.receive("1\n2\n3\n");
    alice.receive("hello\n");
    alice.take();
    crowd[0]!.take();
    clock.advance(1);
    expect(crowd[0]!.take().split("\r\n").slice(0, 2)).toEqual(["<m1> 2", "<alice> hello"]);
  });

  it("that are not sent yet go with their client", () => {
    room({ roomBytesPerSecond: 8000 });
    const [alice, bob] = peers("192.0.2.1", "192.0.2.2");
    alice.receive(`${"x".repeat(1000)}\nlost\n`);
    alice.lose();
    bob.take();
    clock.advance(1);
    expect(bob.take()).toBe("*** m0 left.\r\n");
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("do not keep anybody from a name; who came and left meanwhile is told in one line each", () => {
    room({ roomBytesPerSecond: 8000 });
    const [alice, bob, carol] = peers("192.0.2.1", "192.0.2.2", "192.0.2.3");
    alice.receive(`${"x".repeat(1000)}\n`);
    bob.take();
    const visitors = ["v1", "v2", "v3"].map((name) => {
      const visitor = visit();
      visitor.receive(`${name}\n`);
      expect(visitor.take()).toContain(`Hello, ${name}`);
      return visitor;
    });
    visitors[0]!.lose();
    carol.lose();
    expect(bob.take()).toBe("");
    clock.advance(1);
    expect(bob.take()).toBe("*** m2 left.\r\n*** v2, v3 joined.\r\n");
  });
});
