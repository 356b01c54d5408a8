import { beforeEach, describe, expect, it } from "vitest";
import { type Chat, ChatFactory, type ChatLimits } from "../../src/protocols/chat.ts";
import { Clock } from "../../src/testing/clock.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";

let clock: Clock;
let factory: ChatFactory;

function room(limits?: Partial<ChatLimits>): void {
  clock = new Clock();
  factory = new ChatFactory(clock, limits);
}

function visit(): FakeTransport {
  const transport = new FakeTransport();
  return transport.connect(factory.buildProtocol(transport.getPeer()) as Chat);
}

/** Somebody who has a name, and has read everything so far. */
function enter(name: string): FakeTransport {
  const transport = visit();
  transport.receive(`${name}\n`);
  transport.take();
  return transport;
}

beforeEach(() => room());

describe("joining", () => {
  it("asks for a name, and lists who is there", () => {
    enter("alice");
    const bob = visit();
    expect(bob.take()).toBe("Welcome to the chat. What is your name?\r\n");
    bob.receive("bob\r\n");
    expect(bob.take()).toBe("*** Hello, bob. /help tells what you can do here.\r\n*** Here are: alice, bob\r\n");
  });

  it("tells the others that somebody joined", () => {
    const alice = enter("alice");
    enter("bob");
    expect(alice.take()).toBe("*** bob joined.\r\n");
  });

  it.each(["", "two words", "-dash", "/me", "semi;colon", "a\u202eb c"])("refuses the name %j", (name) => {
    const visitor = visit();
    visitor.take();
    visitor.receive(`${name}\n`);
    expect(visitor.take()).toMatch(/^\*\*\* A name is one word .* What is your name\?\r\n$/);
    visitor.receive("fine\n");
    expect(visitor.take()).toContain("Hello, fine.");
  });

  it("accepts names of any script, and counts characters rather than bytes", () => {
    const visitor = visit();
    visitor.receive(`${"é".repeat(24)}\n`);
    expect(visitor.take()).toContain(`Hello, ${"é".repeat(24)}.`);
    const other = visit();
    other.receive("李涛\n");
    expect(other.take()).toContain("Hello, 李涛.");
  });

  it("refuses a name that is too long", () => {
    const visitor = visit();
    visitor.receive(`${"x".repeat(25)}\n`);
    expect(visitor.take()).toContain("*** That name has 25 characters; 24 are allowed. What is your name?");
  });

  it("refuses a name that is taken, in any spelling of it", () => {
    const alice = enter("Ålice");
    for (const name of ["Ålice", "åLICE", "A\u030alice"]) {
      const visitor = visit();
      visitor.receive(`${name}\n`);
      expect(visitor.take()).toContain("here already. What is your name?");
    }
    expect(alice.take()).toBe("");
  });

  it("frees a name when its owner leaves", () => {
    enter("alice").lose();
    const visitor = visit();
    visitor.receive("alice\n");
    expect(visitor.take()).toContain("Hello, alice.");
  });

  it("sends nothing to clients without a name, and does not announce that they leave", () => {
    const alice = enter("alice");
    const visitor = visit();
    visitor.take();
    alice.receive("secret\n");
    expect(visitor.take()).toBe("");
    visitor.receive("/quit\n");
    expect(visitor.take()).toBe("*** Good bye.\r\n");
    expect(visitor.disconnecting).toBe(true);
    visitor.lose();
    expect(alice.take()).toBe("");
  });
});

describe("messages", () => {
  it("go to everybody else", () => {
    const [alice, bob, carol] = [enter("alice"), enter("bob"), enter("carol")];
    for (const transport of [alice, bob, carol]) transport.take();
    alice.receive("hello there\n");
    expect([alice.take(), bob.take(), carol.take()]).toEqual([
      "",
      "<alice> hello there\r\n",
      "<alice> hello there\r\n",
    ]);
  });

  it("are accepted from telnet and nc, however the stream is fragmented", () => {
    const [alice, bob] = [enter("alice"), enter("bob")];
    for (const piece of ["one\r", "\ntw", "o\n", "\n", "\r\n", "three\r\n"]) bob.receive(piece);
    expect(alice.take()).toBe("*** bob joined.\r\n<bob> one\r\n<bob> two\r\n<bob> three\r\n");
  });

  it("lose their control characters", () => {
    const [alice, bob] = [enter("alice"), enter("bob")];
    alice.take();
    bob.receive(Buffer.from("\u001b[31mred\u0007\t\u202eback\u0000\xff\n", "utf8"));
    expect(alice.take()).toBe("<bob> [31mred backÿ\r\n");
    bob.receive(Buffer.from([0xff, 0xf4, 0xff, 0xfd, 0x06, 0x6f, 0x6b, 0x0a]));
    expect(alice.take()).toBe("<bob> ok\r\n");
  });

  it("that are too long end the connection, with a reason", () => {
    const [alice, bob] = [enter("alice"), enter("bob")];
    alice.take();
    bob.receive("x".repeat(1024));
    expect(bob.disconnecting).toBe(false);
    bob.receive("yz");
    expect(bob.take()).toBe("*** A line may have 1024 bytes at most; yours has more. Good bye.\r\n");
    expect(bob.disconnecting).toBe(true);
    expect(alice.take()).toBe("*** bob left.\r\n");
  });

  it("do not follow after /quit, and one message announces that the sender left", () => {
    const [alice, bob] = [enter("alice"), enter("bob")];
    alice.take();
    bob.receive("/quit\nignored\n");
    bob.lose();
    expect(alice.take()).toBe("*** bob left.\r\n");
  });
});

describe("commands", () => {
  it("/names lists who is here", () => {
    const alice = enter("alice");
    alice.receive("/names\n");
    enter("bob");
    alice.receive("/names\n");
    expect(alice.take()).toBe("*** Here is: alice\r\n*** bob joined.\r\n*** Here are: alice, bob\r\n");
  });

  it("/me announces an action", () => {
    const [alice, bob] = [enter("alice"), enter("bob")];
    alice.take();
    bob.receive("/me yawns  twice\n/me\n");
    expect(alice.take()).toBe("* bob yawns  twice\r\n");
    expect(bob.take()).toBe("*** /me needs an action, as in: /me yawns\r\n");
  });

  it("/help lists the commands", () => {
    const alice = enter("alice");
    alice.receive("/help\n");
    expect(alice.take()).toMatch(/\/names.*\/me.*\/help.*\/quit/s);
  });

  it("/quit says good bye and closes", () => {
    const alice = enter("alice");
    alice.receive("/quit\n");
    expect(alice.take()).toBe("*** Good bye.\r\n");
    expect(alice.disconnecting).toBe(true);
  });

  it("points to /help for a command that does not exist", () => {
    const alice = enter("alice");
    alice.receive("/nick bob\n");
    expect(alice.take()).toBe("*** There is no command /nick. /help lists them.\r\n");
  });
});

describe("a client that does not read", () => {
  it("is dropped when it has not caught up in time", () => {
    const [alice, bob] = [enter("alice"), enter("bob")];
    alice.take();
    bob.congest();
    clock.advance(29);
    expect(bob.aborted).toBe(false);
    clock.advance(1);
    expect(bob.aborted).toBe(true);
    expect(alice.take()).toBe("*** bob was too slow to keep up, and left.\r\n");
    bob.lose();
    expect(alice.take()).toBe("");
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("is dropped at once, with what would have been written, when its backlog grows beyond the limit", () => {
    room({ maxBacklog: 1000 });
    const [alice, bob, carol] = [enter("alice"), enter("bob"), enter("carol")];
    alice.receive(`${"a".repeat(900)}\n`);
    bob.congest();
    alice.receive(`${"b".repeat(900)}\n`);
    expect(bob.aborted).toBe(false);
    bob.take();
    alice.receive(`${"c".repeat(900)}\n`);
    expect(bob.aborted).toBe(true);
    expect(bob.take()).toBe("");
    expect(carol.aborted).toBe(false);
    bob.lose();
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("stays when it catches up", () => {
    room({ maxBacklog: 1000 });
    const [alice, bob] = [enter("alice"), enter("bob")];
    for (let i = 0; i < 5; i++) {
      bob.congest();
      alice.receive(`${"b".repeat(900)}\n`);
      clock.advance(20);
      bob.drain();
    }
    clock.advance(60);
    expect(bob.aborted).toBe(false);
  });

  it("is aborted after /quit when it does not read the last message in time", () => {
    const bob = enter("bob");
    bob.receive("/quit\n");
    expect(bob.producer).toBeNull();
    expect(bob.disconnecting).toBe(true);
    clock.advance(30);
    expect(bob.aborted).toBe(true);
  });

  it("does not disconnect others when many are slow", () => {
    room({ maxBacklog: 100 });
    const alice = enter("alice");
    const slow = Array.from({ length: 100 }, (_, i) => enter(`slow${i}`));
    for (const transport of slow) transport.congest();
    alice.receive(`${"b".repeat(200)}\n`);
    expect(slow.every((transport) => transport.aborted)).toBe(true);
    expect(alice.aborted).toBe(false);
  });
});

describe("shutdown", () => {
  it("notifies everybody, named or not, closes, and fires when all connections are lost", () => {
    const [alice, visitor] = [enter("alice"), visit()];
    visitor.take();
    let fired = 0;
    factory.shutdown().addCallback(() => fired++);
    factory.shutdown().addCallback(() => fired++);
    for (const transport of [alice, visitor]) {
      expect(transport.take()).toBe("*** The server is going down.\r\n");
      expect(transport.disconnecting).toBe(true);
    }
    alice.lose();
    expect(fired).toBe(0);
    visitor.lose();
    expect(fired).toBe(2);
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("fires at once when nobody is there", () => {
    let fired = false;
    factory.shutdown().addCallback(() => {
      fired = true;
    });
    expect(fired).toBe(true);
  });

  it("aborts clients that do not read the last message within two seconds", () => {
    const [alice, bob] = [enter("alice"), enter("bob")];
    bob.congest();
    let fired = false;
    factory.shutdown().addCallback(() => {
      fired = true;
    });
    alice.lose();
    clock.advance(1.9);
    expect(bob.aborted).toBe(false);
    clock.advance(0.1);
    expect(bob.aborted).toBe(true);
    bob.lose();
    expect(fired).toBe(true);
  });

  it("refuses clients that connect later", () => {
    enter("alice");
    factory.shutdown();
    expect(factory.buildProtocol(new FakeTransport().getPeer())).toBe(null);
  });
});
