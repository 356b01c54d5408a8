import type { LookupAddress } from "node:dns";
import { beforeEach, describe, expect, it, vi } from "vitest";

type Answer = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

const lookup = vi.hoisted(() => vi.fn<(name: string, options: unknown, answer: Answer) => void>());
vi.mock("node:dns", () => ({ lookup }));

const { DNSLookupError } = await import("../../src/internet/error.ts");
const { resolve } = await import("../../src/internet/reactor/resolve.ts");

beforeEach(() => {
  lookup.mockReset();
});

function answering(...addresses: LookupAddress[]): void {
  lookup.mockImplementation((_name, _options, answer) => answer(null, addresses));
}

function failing(code: string): void {
  const error = Object.assign(new Error(`getaddrinfo ${code}`), { code });
  lookup.mockImplementation((_name, _options, answer) => answer(error, []));
}

describe("resolve", () => {
  it("returns literal addresses as they are, without asking the resolver", async () => {
    for (const literal of ["192.0.2.1", "::1", "2001:db8::5", "fe80::1%eth0"]) {
      expect(await resolve(literal)).toBe(literal);
    }
    expect(lookup).not.toHaveBeenCalled();
  });

  it('takes "" for every IPv4 interface', async () => {
    expect(await resolve("")).toBe("0.0.0.0");
    expect(lookup).not.toHaveBeenCalled();
  });

  it("takes localhost, and names below it, for the loopback address, without asking the resolver", async () => {
    for (const name of ["localhost", "localhost.", "LocalHost", "a.b.localhost"])
      expect(await resolve(name)).toBe("127.0.0.1");
    expect(lookup).not.toHaveBeenCalled();
  });

  it("looks a name up once for all who ask before the answer", async () => {
    const answers: Answer[] = [];
    lookup.mockImplementation((_name, _options, answer) => answers.push(answer));
    const [first, second, third] = [resolve("slow.example"), resolve("slow.example"), resolve("slow.example")];
    const cancelled = first.asPromise().catch((error: { code: string }) => error.code);
    first.cancel();
    expect(answers.length).toBe(1);
    answers[0]!(null, [{ address: "192.0.2.7", family: 4 }]);
    expect(await Promise.all([cancelled, second, third])).toEqual(["ERR_CANCELLED", "192.0.2.7", "192.0.2.7"]);
    const late = resolve("slow.example");
    expect(answers.length).toBe(2);
    answers[1]!(Object.assign(new Error("x"), { code: "ENOTFOUND" }), undefined as never);
    await expect(late.asPromise()).rejects.toThrow(DNSLookupError);
  });

  it("prefers an IPv4 address, wherever it is in the answer", async () => {
    answering({ address: "2001:db8::5", family: 6 }, { address: "192.0.2.7", family: 4 });
    expect(await resolve("both.example")).toBe("192.0.2.7");
  });

  it("takes the first IPv6 address of a name that has no IPv4 address", async () => {
    answering({ address: "2001:db8::5", family: 6 }, { address: "2001:db8::6", family: 6 });
    expect(await resolve("six.example")).toBe("2001:db8::5");
  });

  it("caches nothing", async () => {
    answering({ address: "192.0.2.7", family: 4 });
    await resolve("host.example");
    await resolve("host.example");
    expect(lookup).toHaveBeenCalledTimes(2);
  });

  it("fails with DNSLookupError, which keeps the resolver's code and error", async () => {
    failing("ENOTFOUND");
    const error = await resolve("nowhere.example")
      .asPromise()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DNSLookupError);
    expect(error).toMatchObject({ code: "ERR_DNS_LOOKUP", osError: "ENOTFOUND" });
    expect((error as Error).message).toContain("nowhere.example");
    expect((error as Error).cause).toMatchObject({ code: "ENOTFOUND" });
  });

  it("says when the name servers do not answer", async () => {
    failing("EAI_AGAIN");
    await expect(resolve("host.example").asPromise()).rejects.toThrow(/No name server answered/);
  });

  it("fails when the answer contains no address", async () => {
    answering();
    await expect(resolve("empty.example").asPromise()).rejects.toThrow(DNSLookupError);
  });

  it("does not query invalid names", async () => {
    const label63 = "a".repeat(63);
    const impossible = {
      NUL: "host\0.example",
      "in a row": "a..example",
      leading: ".example",
      dots: "..",
      dot: ".",
      "64 bytes": `${"a".repeat(64)}.example`,
      "254 bytes": `${label63}.${label63}.${label63}.${"a".repeat(62)}`,
      "no ASCII form": "xn--ü.example",
      "64 bytes in ASCII": `${"ü".repeat(60)}x${"y".repeat(20)}.example`,
      huge: "a.".repeat(1e6),
    };
    for (const [what, name] of Object.entries(impossible)) {
      const error = await resolve(name)
        .asPromise()
        .catch((reason: unknown) => reason);
      expect(error, what).toBeInstanceOf(DNSLookupError);
      expect((error as Error).message.length, what).toBeLessThan(300);
    }
    expect(lookup).not.toHaveBeenCalled();
  });

  it("queries names of the maximum length, with a trailing dot, and international names", async () => {
    answering({ address: "192.0.2.7", family: 4 });
    const label63 = "a".repeat(63);
    const longest = `${label63}.${label63}.${label63}.${"a".repeat(61)}`;
    expect(longest).toHaveLength(253);
    for (const name of [longest, `${longest}.`, "localhosts", "host.example.", "_srv._tcp.example", "bücher.example"]) {
      expect(await resolve(name), name).toBe("192.0.2.7");
    }
    expect(lookup.mock.calls.map(([name]) => name)).toContain("bücher.example");
  });

  it("ignores the answer once the program has fired the Deferred itself", async () => {
    let late: Answer | undefined;
    lookup.mockImplementation((_name, _options, answer) => {
      late = answer;
    });
    const d = resolve("slow.example");
    d.callback("192.0.2.1");
    late?.(null, [{ address: "192.0.2.7", family: 4 }]);
    expect(await d).toBe("192.0.2.1");
  });

  it("ignores the answer once it was cancelled", async () => {
    let late: Answer | undefined;
    lookup.mockImplementation((_name, _options, answer) => {
      late = answer;
    });
    const d = resolve("slow.example");
    const outcome = d.asPromise().catch((error: { code: string }) => error.code);
    d.cancel();
    late?.(null, [{ address: "192.0.2.7", family: 4 }]);
    expect(await outcome).toBe("ERR_CANCELLED");
  });
});
