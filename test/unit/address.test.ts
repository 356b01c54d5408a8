import { expect, it } from "vitest";
import * as address from "../../src/entries/address.ts";
import * as haproxy from "../../src/entries/protocols/haproxy.ts";

const { IPv4Address, IPv6Address, UNIXAddress } = address;

/** Addresses that differ in one part each, and their texts. */
const DIFFERENT: readonly [() => InstanceType<typeof IPv4Address | typeof IPv6Address | typeof UNIXAddress>, string][] =
  [
    [() => new IPv4Address("TCP", "192.0.2.1", 80), "192.0.2.1:80"],
    [() => new IPv4Address("TCP", "192.0.2.1", 81), "192.0.2.1:81"],
    [() => new IPv4Address("TCP", "192.0.2.2", 80), "192.0.2.2:80"],
    [() => new IPv4Address("UDP", "192.0.2.1", 80), "192.0.2.1:80"],
    [() => new IPv6Address("TCP", "2001:db8::1", 80), "[2001:db8::1]:80"],
    [() => new IPv6Address("TCP", "2001:db8::1", 80, 1), "[2001:db8::1]:80"],
    [() => new IPv6Address("TCP", "2001:db8::1", 80, 0, 1), "[2001:db8::1]:80"],
    [() => new UNIXAddress("/a"), "unix:/a"],
    [() => new UNIXAddress("/b"), "unix:/b"],
    [() => new UNIXAddress(""), "unix:"],
  ];

it("addresses with the same parts are equal, and no others", () => {
  for (const [one] of DIFFERENT) {
    for (const [other] of DIFFERENT) expect(one().equals(other()), `${one()} and ${other()}`).toBe(one === other);
  }
});

it.each(DIFFERENT)("an address has a text: %#", (made, text) => {
  expect(`${made()}`).toBe(text);
});

it("the address of a UNIX socket is the same class wherever it is exported", () => {
  expect(haproxy.UNIXAddress).toBe(UNIXAddress);
});

it("the text of an address has no control characters, whatever its host or name contains", () => {
  const hostile = "\u001b[31m\u0007\n\u009b\u2028\u202e\u200b";
  for (const made of [
    new IPv4Address("TCP", hostile, 1),
    new IPv6Address("TCP", `fe80::1%${hostile}`, 1),
    new UNIXAddress(hostile.repeat(1000)),
  ]) {
    expect(String(made)).toMatch(/^[\x20-\x7e\u2026]*$/);
    expect(String(made).length).toBeLessThan(2000);
    expect(made.host).toContain(hostile);
  }
});
