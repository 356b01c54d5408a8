import { afterEach, expect, it, vi } from "vitest";
import { Discard, Echo, Time } from "../../src/protocols/wire.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";

afterEach(() => void vi.useRealTimers());

it("Echo sends back what it receives", () => {
  const transport = new FakeTransport().connect(new Echo());
  transport.receive("one");
  transport.receive(Buffer.from([0, 255]));
  expect(transport.written).toEqual(Buffer.from([0x6f, 0x6e, 0x65, 0, 255]));
});

it("Echo reads no further while its client does not", () => {
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

// The first two are examples of RFC 868.
it.each([
  ["1970-01-01T00:00:00Z", 2_208_988_800],
  ["1980-01-01T00:00:00Z", 2_524_521_600],
  ["2036-02-07T06:28:15.999Z", 0xffffffff],
  ["2036-02-07T06:28:16Z", 0],
])("Time sends %s as %i and closes", (date, seconds) => {
  vi.useFakeTimers({ now: new Date(date) });
  const transport = new FakeTransport().connect(new Time());
  expect(transport.written.length).toBe(4);
  expect(transport.written.readUInt32BE()).toBe(seconds);
  expect(transport.disconnecting).toBe(true);
});

it("all of them borrow what they receive", () => {
  expect([Echo.borrows, Discard.borrows, Time.borrows]).toEqual([true, true, true]);
});
