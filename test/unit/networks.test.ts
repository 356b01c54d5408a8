import { describe, expect, it } from "vitest";
import { canonicalAddress, isSpecial, parseNetworks, peerKey } from "../../src/internet/networks.ts";

describe("a set of networks", () => {
  it.each([
    ["10.0.0.0/8", "10.0.0.0", "10.255.255.255"],
    ["10.0.0.0/8", "::ffff:10.1.2.3", "::FFFF:0a01:0203", "0:0:0:0:0:ffff:a01:203", "::ffff:10.1.2.3%eth0"],
    ["172.16.0.0/12", "172.16.0.1", "172.31.255.255"],
    ["192.0.2.7", "192.0.2.7", "::ffff:192.0.2.7"],
    ["::ffff:10.0.0.0/104", "10.1.2.3", "::ffff:10.1.2.3"],
    ["0.0.0.0/0", "192.0.2.7", "::ffff:1.2.3.4"],
    ["::/0", "::1", "2001:db8::1", "fe80::1%eth0"],
    ["2001:db8::/32", "2001:db8::", "2001:0DB8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::192.0.2.1"],
    ["::1", "::1", "0:0:0:0:0:0:0:1", "::0.0.0.1"],
    ["fe80::/10", "fe80::1%eth0", "febf::1"],
  ])("%s holds %s", (network, ...hosts) => {
    for (const host of hosts) expect([host, parseNetworks(network).has(host)]).toEqual([host, true]);
  });

  it.each([
    ["10.0.0.0/8", "11.0.0.0", "9.255.255.255", "::10.1.2.3", "10.0.0.256", "010.0.0.1", "10.1", "167772161"],
    ["172.16.0.0/12", "172.32.0.0", "172.15.255.255"],
    ["192.0.2.7", "192.0.2.6"],
    ["0.0.0.0/0", "::1", "2001:db8::1", "/run/socket", ""],
    ["::/0", "192.0.2.7", "::ffff:192.0.2.7", "localhost"],
    ["::1", "::2", "1::1"],
    ["fe80::/10", "fec0::1"],
  ])("%s does not hold %s", (network, ...hosts) => {
    for (const host of hosts) expect([host, parseNetworks(network).has(host)]).toEqual([host, false]);
  });

  it("holds what any of its networks holds", () => {
    const networks = parseNetworks("127.0.0.1", "2001:db8::/32", "10.0.0.0/8");
    expect(["127.0.0.1", "127.0.0.2", "2001:db8::9", "10.9.8.7"].map((host) => networks.has(host))).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(parseNetworks().has("127.0.0.1")).toBe(false);
  });

  it.each([
    "",
    "localhost",
    "10.0.0.0/33",
    "::1/129",
    "10/8",
    "10.0.0.0/",
    "/8",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "fe80::1%1",
  ])("cannot be made of %j", (wrong) => {
    expect(() => parseNetworks("::1", wrong)).toThrow(
      new RangeError(
        `${JSON.stringify(wrong)} is no network: write an IP address, or an IP address and the length of its prefix, ` +
          'such as "10.0.0.0/8", "192.0.2.7", "2001:db8::/32" or "::1".',
      ),
    );
  });

  it("is not guessed from an address that has bits after the prefix", () => {
    expect(() => parseNetworks("10.0.0.1/8")).toThrow(/"10\.0\.0\.1\/8" has bits after its prefix/);
    expect(() => parseNetworks("2001:db8::1/64")).toThrow(/or "2001:db8::1" alone/);
  });

  it("is made of strings", () => {
    expect(() => parseNetworks(10 as never)).toThrow(TypeError);
  });
});

describe("an address for special purposes", () => {
  it.each([
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "0:0:0:0:0:FFFF:10.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::8.8.8.8",
    "::ffff:0:127.0.0.1",
    "::ffff:0:a00:1",
    "2002:7f00:1::",
    "2002:a00:1::5",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "localhost",
    "",
  ])("is %j", (host) => {
    expect(isSpecial(host)).toBe(true);
  });

  it.each([
    "1.1.1.1",
    "8.8.8.8",
    "100.128.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "198.20.0.1",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "::ffff:0:8.8.8.8",
    "2002:808:808::1",
    "2001:4860:4860::8888",
    "2a00:1450::1",
    "2620:fe::fe",
  ])("is not %j", (host) => {
    expect(isSpecial(host)).toBe(false);
  });
});

describe("the key of a peer", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::FFFF:C000:0207", "192.0.2.7"],
    ["64:ff9b::192.0.2.7", "192.0.2.7"],
    ["::ffff:0:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2::1", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
    ["2001:db8:1:3::1", "2001:db8:1:3::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1%eth0"],
    ["FE80:0::0:1%eth0", "fe80:0:0:0:0:0:0:1%eth0"],
    ["fe80::1%eth1", "fe80:0:0:0:0:0:0:1%eth1"],
    ["fe80::2", "fe80:0:0:0:0:0:0:2"],
    ["febf:ffff::1%2", "febf:ffff:0:0:0:0:0:1%2"],
    ["fec0::1", "fec0:0:0:0::/64"],
    ["2001:db8:1:2::1%2", "2001:db8:1:2::/64"],
    ["/run/socket", "/run/socket"],
    ["", ""],
  ])("of %j is %j", (host, key) => {
    expect(peerKey(host)).toBe(key);
  });
});

describe("the canonical form of an address", () => {
  it("is the same for each spelling", () => {
    const spellings = ["::ffff:127.0.0.1", "::FFFF:7f00:1", "127.0.0.1"];
    expect(spellings.map(canonicalAddress)).toEqual(["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
    expect(canonicalAddress("fe80::1%eth0")).toBe(canonicalAddress("FE80:0::0:1"));
    expect(canonicalAddress("localhost")).toBeUndefined();
  });
});
