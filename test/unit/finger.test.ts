import { expect, expectTypeOf, it, onTestFinished, vi } from "vitest";
import { Deferred } from "../../src/entries/defer.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import {
  ConnectionLost,
  ConnectionRefusedError,
  NoClockError,
  SkeinError,
  TimeoutError,
} from "../../src/internet/error.ts";
import { Factory } from "../../src/internet/protocol.ts";
import { monotonicClock } from "../../src/internet/time.ts";
import { REFUSALS_SECONDS } from "../../src/logger/refusals.ts";
import { Finger, FingerClient, finger } from "../../src/protocols/finger.ts";
import { Clock } from "../../src/testing/clock.ts";
import { FakeReactor, FakeTransport } from "../helpers/fake-transport.ts";
import { collectLog } from "../helpers/log.ts";
import { buffersHeld } from "../helpers/memory.ts";
import { errorOf, watch } from "../helpers/outcome.ts";

const log = collectLog();

/** Tells what it was asked. */
class Telling extends Finger {
  override getUser(slashW: boolean, user: string): string {
    return `user ${slashW} ${user}`;
  }
  override getDomain(slashW: boolean): string {
    return `domain ${slashW}`;
  }
  override forwardQuery(slashW: boolean, user: string, host: string): string {
    return `forward ${slashW} <${user}> ${host}`;
  }
}

function ask(protocol: Finger, query: string): FakeTransport {
  const transport = new FakeTransport().connect(protocol);
  transport.receive(query);
  return transport;
}

it.each([
  ["moshez\r\n", "Login: moshez\r\nNo such user\r\n"],
  ["/w moshez\r\n", "Login: moshez\r\nNo such user\r\n"],
  ["moshez@example.com\r\n", "Finger forwarding service denied\r\n"],
  ["\r\n", "Finger online list denied\r\n"],
  ["\u001b[2Jmoshez\r\n", "Login: [2Jmoshez\r\nNo such user\r\n"],
])("a server that nothing was told refuses %j", (query, answer) => {
  const transport = ask(new Finger(), query);
  expect(transport.take()).toBe(answer);
  expect(transport.disconnecting).toBe(true);
});

it.each([
  ["joe\r\n", "user false joe"],
  ["joe\n", "user false joe"],
  ["/W joe\r\n", "user true joe"],
  ["/w   joe \r\n", "user true joe"],
  ["/Wjoe\r\n", "user false /Wjoe"],
  ["joe average\r\n", "user false joe average"],
  ["\r\n", "domain false"],
  ["/W\r\n", "domain true"],
  ["/W \r\n", "domain true"],
  ["joe@a\r\n", "forward false <joe> a"],
  ["/W joe@a\r\n", "forward true <joe> a"],
  ["@a\r\n", "forward false <> a"],
  ["/W @a\r\n", "forward true <> a"],
  ["joe@a@b\r\n", "forward false <joe@a> b"],
  ["grüße\r\n", "user false grüße"],
])("the query %j asks for %s", (query, answer) => {
  expect(ask(new Telling(), query).take()).toBe(answer);
});

it("only the first line is a query, however the stream is fragmented", () => {
  const transport = new FakeTransport().connect(new Telling());
  for (const byte of "joe\r\njim\r\n") transport.receive(byte);
  expect(transport.take()).toBe("user false joe");
});

it("a hook may answer later, and later lines are not queries", () => {
  const answer = new Deferred<string>();
  class Slow extends Finger {
    override getUser(): Deferred<string> {
      return answer;
    }
  }
  const transport = ask(new Slow(), "joe\r\njim\r\n");
  expect([transport.take(), transport.disconnecting]).toEqual(["", false]);
  answer.callback("at last\r\n");
  expect([transport.take(), transport.disconnecting]).toEqual(["at last\r\n", true]);
});

it("a hook may write and close by itself", () => {
  class ByHand extends Finger {
    override getUser(): undefined {
      this.transport.write("one ");
      this.transport.write("two");
    }
  }
  const transport = ask(new ByHand(), "joe\r\n");
  expect([transport.take(), transport.disconnecting]).toEqual(["one two", false]);
});

it("an answer that cannot be written is logged, and the client learns that the query failed", () => {
  class Failing extends Finger {
    override getUser(): never {
      return null as never;
    }
  }
  const transport = ask(new Failing(), "joe\r\n");
  expect([transport.take(), transport.disconnecting]).toEqual(["The query failed\r\n", true]);
  expect(log()).toEqual([expect.stringContaining("write(data) needs")]);
});

it("a hook that fails is logged, and the client learns only that it failed", () => {
  class Failing extends Finger {
    override getUser(): never {
      throw new Error("the data base is down");
    }
  }
  const transport = ask(new Failing(), "joe\r\n");
  expect([transport.take(), transport.disconnecting]).toEqual(["The query failed\r\n", true]);
  expect(log()).toEqual(["A finger query failed: Error: the data base is down"]);
});

it("of hooks that fail for the clients of a factory one is logged a minute, with the number of the others", () => {
  class Failing extends Finger {
    override getUser(): never {
      throw new Error("the data base is down");
    }
  }
  const now = vi.spyOn(monotonicClock, "seconds").mockReturnValue(1000);
  onTestFinished(() => now.mockRestore());
  const factory = Factory.forProtocol(Failing);
  const query = (): void => {
    const transport = ask(factory.buildProtocol(new IPv4Address("TCP", "192.0.2.1", 1)) as Finger, "joe\r\n");
    expect(transport.take()).toBe("The query failed\r\n");
  };
  for (let i = 0; i < 100; i++) query();
  now.mockReturnValue(1000 + REFUSALS_SECONDS);
  query();
  expect(log()).toEqual([
    "A finger query failed: Error: the data base is down",
    "A finger query failed (99 more like it since the last such line): Error: the data base is down",
  ]);
});

it("a query that is too long ends the connection", () => {
  const transport = ask(new Finger(), "x".repeat(2000));
  expect([transport.take(), transport.disconnecting]).toEqual(["", true]);
});

function askBy(options?: Parameters<typeof finger>[2], query = "joe") {
  const reactor = new FakeReactor();
  const answer = finger(new TCP4ClientEndpoint(reactor, "192.0.2.1", 79), query, { clock: reactor, ...options });
  expectTypeOf(answer).toEqualTypeOf<Deferred<Buffer>>();
  return { reactor, answer, connector: reactor.connectors[0]! };
}

it.each([
  ["joe", undefined, "joe\r\n"],
  ["joe", { slashW: true }, "/W joe\r\n"],
  ["", undefined, "\r\n"],
  ["", { slashW: true }, "/W\r\n"],
  ["joe@a@b", undefined, "joe@a@b\r\n"],
] as const)("the client asks for %j with %j by %j", (query, options, sent) => {
  expect(askBy(options, query).connector.succeed().take()).toBe(sent);
});

function connected(options?: Parameters<typeof finger>[2]) {
  const clock = new Clock();
  const client = new FingerClient("joe", { clock, ...options });
  const transport = new FakeTransport().connect(client);
  return { clock, client, transport, deliver: (text: string) => client.dataReceived(Buffer.from(text)) };
}

it("the client's answer is everything that arrives until the server closes", () => {
  const { client, transport, deliver } = connected();
  const seen = watch(client.answer);
  for (const piece of ["Login: joe\r\n", "Plan:\r\n", "none"]) deliver(piece);
  expect(seen).toEqual([]);
  transport.lose();
  expect(seen).toEqual([Buffer.from("Login: joe\r\nPlan:\r\nnone")]);
});

it("an answer that arrives byte by byte takes the client little more memory than its bytes", async () => {
  const { client, transport } = connected();
  const held = async () => (await buffersHeld()) + process.memoryUsage().heapUsed;
  const before = await held();
  for (let i = 0; i < 200_000; i++) client.dataReceived(Buffer.from("x"));
  expect((await held()) - before).toBeLessThan(4 * 1024 * 1024);
  const seen = watch(client.answer);
  transport.lose();
  expect(seen).toEqual([Buffer.alloc(200_000, "x")]);
});

it("finger() fires with the answer", () => {
  const { answer, connector } = askBy();
  const seen = watch(answer);
  connector.succeed();
  connector.lose();
  expect(seen).toEqual([Buffer.alloc(0)]);
});

it("the client fails when the connection is not closed cleanly", () => {
  const { client, transport, deliver } = connected();
  deliver("Login: jo");
  transport.lose(new ConnectionLost());
  errorOf(client.answer, ConnectionLost);
});

it("the client fails when nobody listens", () => {
  const { answer, connector } = askBy();
  connector.fail(new ConnectionRefusedError("refused"));
  errorOf(answer, ConnectionRefusedError);
});

it("the client refuses an answer above its limit", () => {
  const { client, transport, deliver } = connected({ maxLength: 10 });
  deliver("0123456789");
  expect(transport.aborted).toBe(false);
  deliver("!");
  expect(transport.aborted).toBe(true);
  transport.lose();
  expect(errorOf(client.answer, SkeinError).message).toContain("10 bytes");
});

it("a server has 60 seconds for its whole answer, however steadily its bytes arrive", () => {
  const { clock, client, transport, deliver } = connected();
  for (let i = 0; i < 59; i++) {
    deliver("x");
    clock.advance(1);
  }
  expect(transport.aborted).toBe(false);
  clock.advance(1);
  expect(transport.aborted).toBe(true);
  expect(errorOf(client.answer, TimeoutError).message).toContain("60 seconds");
  transport.lose();
  expect(clock.getDelayedCalls()).toEqual([]);
});

it("a server has as much time as the client gives it", () => {
  const { clock, client, transport } = connected({ timeout: 2 });
  clock.advance(1.9);
  expect(transport.aborted).toBe(false);
  clock.advance(0.1);
  expect(transport.aborted).toBe(true);
  errorOf(client.answer, TimeoutError);
});

it("without a timeout there is no timer, and no clock is needed", () => {
  const { answer, reactor, connector } = askBy({ timeout: null, clock: null });
  const seen = watch(answer);
  const transport = connector.succeed();
  expect(reactor.getDelayedCalls()).toEqual([]);
  transport.receive("Login: joe");
  connector.lose();
  expect(seen).toEqual([Buffer.from("Login: joe")]);
});

it("an answer in time leaves no timer", () => {
  const { clock, client, transport } = connected();
  watch(client.answer);
  expect(clock.getDelayedCalls().length).toBe(1);
  transport.lose();
  expect(clock.getDelayedCalls()).toEqual([]);
});

it("with a timeout, but neither a clock nor a reactor, nothing is connected", () => {
  const { answer, reactor } = askBy({ clock: null });
  errorOf(answer, NoClockError);
  expect(reactor.connectors).toEqual([]);
});

it("a query of several lines is refused before anything is sent", () => {
  const { answer, reactor } = askBy({}, "joe\r\nDATA");
  expect(errorOf(answer, SkeinError).message).toContain("one line");
  expect(reactor.connectors).toEqual([]);
});

it("cancelling the answer ends the connection", () => {
  const { answer, connector } = askBy();
  const transport = connector.succeed();
  answer.cancel();
  expect(transport.aborted).toBe(true);
  connector.lose();
  errorOf(answer, Error);
});

it("a client that was never connected can be cancelled", () => {
  const client = new FingerClient("joe");
  client.answer.cancel();
  errorOf(client.answer, Error);
});
