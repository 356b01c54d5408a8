import { userInfo } from "node:os";
import { afterEach, expect, it, vi } from "vitest";
import { Chargen, Daytime, Discard, Echo, QOTD, Time, Who } from "../../src/protocols/wire.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";

vi.mock("node:os", { spy: true });

afterEach(() => {
  vi.useRealTimers();
  vi.mocked(userInfo).mockReset();
});

/** A clock that stands still at a date. */
function at(date: string): { seconds(): number } {
  return { seconds: () => Date.parse(date) / 1000 };
}

it("Echo sends back what it receives", () => {
  const transport = new FakeTransport().connect(new Echo());
  transport.receive("one");
  transport.receive(Buffer.from([0, 255]));
  expect(transport.written).toEqual(Buffer.from([0x6f, 0x6e, 0x65, 0, 255]));
});

it("Echo pauses reading while its client does not read", () => {
  const transport = new FakeTransport().connect(new Echo());
  transport.congest();
  expect(transport.paused).toBe(true);
  transport.drain();
  expect(transport.paused).toBe(false);
});

it("Discard answers nothing", () => {
  const transport = new FakeTransport().connect(new Discard());
  transport.receive("one");
  expect(transport.take()).toBe("");
  expect(transport.disconnecting).toBe(false);
});

it("Chargen sends lines of 72 printable characters, each shifted by one", () => {
  const chargen = new Chargen();
  const transport = new FakeTransport().connect(chargen);
  expect(transport.take()).toBe("");
  chargen.resumeProducing();
  chargen.resumeProducing();
  const printing = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");
  const lines = transport.take().split("\r\n");
  expect(lines.pop()).toBe("");
  expect(lines.length).toBe(2 * 95);
  lines.forEach((line, i) => {
    expect(line).toBe((printing + printing).slice(i % 95, (i % 95) + 72));
  });
});

it("Chargen writes only when its transport asks, and closes on stopProducing()", () => {
  const chargen = new Chargen();
  const transport = new FakeTransport().connect(chargen);
  expect(transport.producer).toBe(chargen);
  transport.receive("thrown away");
  expect(transport.take()).toBe("");
  chargen.stopProducing();
  expect(transport.disconnecting).toBe(true);
});

it("a subclass of Chargen can override the noise", () => {
  class Ticking extends Chargen {
    override noise = "tick\r\n";
  }
  const ticking = new Ticking();
  const transport = new FakeTransport().connect(ticking);
  ticking.resumeProducing();
  expect(transport.take()).toBe("tick\r\n");
});

it("QOTD sends one quote, which a subclass can override, and closes", () => {
  const transport = new FakeTransport().connect(new QOTD());
  expect(transport.take()).toMatch(/^.{1,510}\r\n$/);
  expect(transport.disconnecting).toBe(true);
  class Mine extends QOTD {
    override getQuote(): string {
      return "Know thyself.\r\n";
    }
  }
  expect(new FakeTransport().connect(new Mine()).take()).toBe("Know thyself.\r\n");
});

it("Who sends the user of this process, and closes", () => {
  const transport = new FakeTransport().connect(new Who());
  expect(transport.take()).toBe(`${userInfo().username}\r\n`);
  expect(transport.disconnecting).toBe(true);
});

it("Who sends an empty list when that user has no name", () => {
  vi.mocked(userInfo).mockImplementation(() => {
    throw new Error("ENOENT");
  });
  const transport = new FakeTransport().connect(new Who());
  expect(transport.take()).toBe("");
  expect(transport.disconnecting).toBe(true);
});

it.each([
  ["1982-02-22T17:37:43Z", "Mon Feb 22 17:37:43 1982\r\n"],
  ["2024-02-29T23:59:59.999Z", "Thu Feb 29 23:59:59 2024\r\n"],
  ["1999-12-05T00:00:00Z", "Sun Dec  5 00:00:00 1999\r\n"],
])("Daytime sends %s as people write it, and closes", (date, text) => {
  const transport = new FakeTransport().connect(new Daytime(at(date)));
  expect(transport.take()).toBe(text);
  expect(transport.disconnecting).toBe(true);
});

// The first two are examples of RFC 868.
it.each([
  ["1970-01-01T00:00:00Z", 2_208_988_800],
  ["1980-01-01T00:00:00Z", 2_524_521_600],
  ["2036-02-07T06:28:15.999Z", 0xffffffff],
  ["2036-02-07T06:28:16Z", 0],
])("Time sends %s as %i and closes", (date, seconds) => {
  const transport = new FakeTransport().connect(new Time(at(date)));
  expect(transport.written.length).toBe(4);
  expect(transport.written.readUInt32BE()).toBe(seconds);
  expect(transport.disconnecting).toBe(true);
});

it("Time and Daytime use the system clock by default", () => {
  vi.useFakeTimers({ now: new Date("1980-01-01T00:00:00Z") });
  expect(new FakeTransport().connect(new Time()).written.readUInt32BE()).toBe(2_524_521_600);
  expect(new FakeTransport().connect(new Daytime()).take()).toBe("Tue Jan  1 00:00:00 1980\r\n");
});

it("all of them borrow the bytes they receive", () => {
  const all = [Echo, Discard, Chargen, QOTD, Who, Daytime, Time];
  expect(all.map(({ borrows }) => borrows)).toEqual(all.map(() => true));
});
