/** What a SOCKS server permits, what ends with its client, and its limits. */
import type { NetworkInterfaceInfo } from "node:os";
import { beforeEach, describe, expect, it } from "vitest";
import { Deferred, succeed } from "../../src/entries/defer.ts";
import { IPv4Address } from "../../src/internet/address.ts";
import { ConnectionDone, ConnectionLost } from "../../src/internet/error.ts";
import { SOCKSPolicy } from "../../src/protocols/socks/policy.ts";
import { encodeRequest } from "../../src/protocols/socks/request.ts";
import { type SOCKSOptions, SOCKSv4, SOCKSv4Factory } from "../../src/protocols/socks.ts";
import { FakeReactor } from "../helpers/fake-transport.ts";
import { HalfTransport } from "../helpers/wrapped.ts";

const REJECTED = "005b000000000000";
const BIND = 2;

/** Answers look-ups when the test says so. */
class NamingReactor extends FakeReactor {
  readonly lookups = new Map<string, Deferred<string>>();
  readonly asked: string[] = [];

  resolve(name: string): Deferred<string> {
    if (/^[\d.]+$|:/.test(name)) return succeed(name);
    this.asked.push(name);
    const answer = new Deferred<string>();
    this.lookups.set(name, answer);
    return answer;
  }

  answer(name: string, address: string): void {
    this.lookups.get(name)!.callback(address);
  }
}

let reactor: NamingReactor;
let lines: string[];

beforeEach(() => {
  reactor = new NamingReactor();
  lines = [];
});

function serve(options?: SOCKSOptions, Client = SOCKSv4): SOCKSv4Factory {
  return new SOCKSv4Factory(reactor, (line) => lines.push(line), Client, options);
}

/** A client at `host` connects. The server's address is 192.0.2.2:12345. */
function accept(factory: SOCKSv4Factory, host = "198.51.100.7"): HalfTransport {
  const transport = new HalfTransport();
  transport.getPeer = () => new IPv4Address("TCP", host, 54321);
  return transport.connect(factory.buildProtocol(transport.getPeer()));
}

function ask(factory: SOCKSv4Factory, destination: string, { command = 1, port = 80, from = "198.51.100.7" } = {}) {
  const transport = accept(factory, from);
  transport.receive(encodeRequest(command, destination, port, "joe"));
  return transport;
}

/** What was written, in hexadecimal. */
function hex(transport: HalfTransport): string {
  return transport.written.toString("hex");
}

function reason(): string | undefined {
  return /rejected: (.*)/.exec(lines.at(-1) ?? "")?.[1];
}

function come(host: string, at = -1): HalfTransport | null {
  const peer = new IPv4Address("TCP", host, 4321);
  const protocol = reactor.listened.at(at)!.factory.buildProtocol(peer);
  return protocol === null || protocol === undefined ? null : new HalfTransport().connect(protocol);
}

describe("a SOCKS server", () => {
  it.each([
    "127.0.0.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.9.9",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:a00:1",
    "64:ff9b::10.0.0.1",
    "fe80::1",
    "fd00::1",
  ])("rejects %s, also as the address of a name", (address) => {
    const factory = serve();
    expect(hex(ask(factory, address))).toBe(REJECTED);
    expect(reason()).toBe(`${address} is a special address, such as a private one, and no network of \`allow\` has it`);
    const named = ask(factory, "innocent.example");
    reactor.answer("innocent.example", address);
    expect([hex(named), named.disconnecting]).toEqual([REJECTED, true]);
    expect(reactor.connectors).toEqual([]);
  });

  it("rejects an address of this machine", () => {
    const own = { eth0: [{ address: "93.184.216.34" }, { address: "2606:2800::1" }] } as never;
    const policy = new SOCKSPolicy(reactor, {}, () => own);
    expect(["93.184.216.34", "::ffff:93.184.216.34", "2606:2800:0::1"].map((host) => policy.refusal(host, 80))).toEqual(
      [
        "93.184.216.34 is an address of this machine, and no network of `allow` has it",
        "::ffff:93.184.216.34 is an address of this machine, and no network of `allow` has it",
        "2606:2800:0::1 is an address of this machine, and no network of `allow` has it",
      ],
    );
    expect(policy.refusal("93.184.216.35", 80)).toBeNull();
    expect(new SOCKSPolicy(reactor, { allow: ["93.184.216.34"] }, () => own).refusal("93.184.216.34", 80)).toBeNull();
  });

  it("asks for this machine's addresses once in 5 seconds", () => {
    let asked = 0;
    const policy = new SOCKSPolicy(reactor, {}, () => {
      asked++;
      return {};
    });
    for (let i = 0; i < 100; i++) policy.refusal("93.184.216.34", 80);
    expect(asked).toBe(1);
    reactor.advance(5);
    policy.refusal("93.184.216.34", 80);
    expect(asked).toBe(2);
  });

  it("allows none of this machine's addresses while the list of them cannot be read", () => {
    let readable = false;
    const policy = new SOCKSPolicy(reactor, {}, () => {
      if (!readable) throw new Error("EMFILE");
      return { eth0: [{ address: "8.8.4.4" } as NetworkInterfaceInfo] };
    });
    for (let request = 0; request < 3; request++) expect(() => policy.refusal("8.8.4.4", 22)).toThrow("EMFILE");
    readable = true;
    expect(policy.refusal("8.8.4.4", 22)).toContain("an address of this machine");
    readable = false;
    reactor.advance(5);
    expect(() => policy.refusal("8.8.4.4", 22)).toThrow("EMFILE");
  });

  it("connects to what `allow` has", () => {
    const factory = serve({ allow: ["10.0.0.0/8", "::1"] });
    for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "::1", "93.184.216.34"]) ask(factory, address);
    expect(reactor.connectors.map(({ host }) => host)).toEqual(["10.1.2.3", "::ffff:10.1.2.3", "::1", "93.184.216.34"]);
    expect(hex(ask(factory, "127.0.0.1"))).toBe(REJECTED);
  });

  it("never connects to itself, nor to another SOCKS server of the program", () => {
    const factory = serve({ allow: ["0.0.0.0/0", "::/0"] });
    const other = accept(serve({ allow: ["0.0.0.0/0"] }));
    other.getHost = () => new IPv4Address("TCP", "127.0.0.1", 1081);
    other.connect(serve({ allow: ["0.0.0.0/0"] }).buildProtocol(other.getPeer()));
    for (const address of ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::ffff:127.0.0.1"]) {
      expect(hex(ask(factory, address, { port: 12345 }))).toBe(REJECTED);
      expect(reason()).toBe(`${address}:12345 is a SOCKS server of this program`);
      expect(hex(ask(factory, address, { port: 1081 }))).toBe(REJECTED);
    }
    expect(reactor.connectors).toEqual([]);
    ask(factory, "127.0.0.1", { port: 80 });
    expect(reactor.connectors.length).toBe(1);
  });

  it("does not ask authorize() about what its options forbid", () => {
    class Careless extends SOCKSv4 {
      override authorize(): boolean {
        return true;
      }
    }
    expect(hex(ask(serve({}, Careless), "127.0.0.1"))).toBe(REJECTED);
  });

  it("protects clients that no SOCKSv4Factory has made", () => {
    const transport = new HalfTransport().connect(new SOCKSv4(reactor));
    transport.receive(encodeRequest(1, "127.0.0.1", 80, ""));
    expect(hex(transport)).toBe(REJECTED);
  });

  it("serves clients of `allowFrom` only", () => {
    const factory = serve({ allowFrom: ["198.51.100.0/24"] });
    expect(accept(factory, "198.51.100.200").aborted).toBe(false);
    const stranger = accept(factory, "203.0.113.1");
    expect([stranger.aborted, hex(stranger)]).toEqual([true, ""]);
    stranger.receive(encodeRequest(1, "93.184.216.34", 80, ""));
    expect(reactor.connectors).toEqual([]);
    expect(lines.at(-1)).toContain("`allowFrom`");
  });

  it("serves the users of `users` only", () => {
    ask(serve({ users: ["jim", "joe"] }), "93.184.216.34");
    expect(reactor.connectors.length).toBe(1);
    expect(hex(ask(serve({ users: ["jim"] }), "93.184.216.34"))).toBe(REJECTED);
    expect(reason()).toContain("`users`");
    expect(reactor.connectors.length).toBe(1);
  });

  it("does not serve BIND unless told so", () => {
    expect(hex(ask(serve(), "93.184.216.34", { command: BIND }))).toBe(REJECTED);
    expect([reason(), reactor.listened]).toEqual(["BIND is off (`bind`)", []]);
    ask(serve({ bind: true }), "93.184.216.34", { command: BIND });
    expect(reactor.listened.length).toBe(1);
    expect(hex(ask(serve({ bind: true }), "127.0.0.1", { command: BIND }))).toBe(REJECTED);
  });

  it("refuses options that are none", () => {
    expect(() => serve({ allow: ["10.0.0.0/33"] })).toThrow(/"10\.0\.0\.0\/33" is no network/);
    expect(() => serve({ allowFrom: ["localhost"] })).toThrow(RangeError);
    expect(() => serve({ allow: "10.0.0.0/8" as never })).toThrow(/options\.allow must be an array of strings/);
    expect(() => serve({ allowed: [] } as never)).toThrow(/has no option "allowed"/);
    expect(() => serve({ maxBinds: 0 })).toThrow(RangeError);
  });
});

describe("what is done for a client", () => {
  it("ends at once when the client sends FIN before the reply: a connection", () => {
    const transport = ask(serve(), "93.184.216.34");
    transport.receive("early");
    transport.end();
    expect([reactor.connectors[0]!.state, transport.disconnecting, hex(transport)]).toEqual(["disconnected", true, ""]);
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  it("ends at once when the client sends FIN before the reply: a look-up, and what would follow it", () => {
    const transport = ask(serve(), "slow.example");
    transport.end();
    reactor.answer("slow.example", "93.184.216.34");
    expect([transport.disconnecting, reactor.connectors]).toEqual([true, []]);
    expect(reactor.getDelayedCalls()).toEqual([]);
  });

  it("ends at once when the client sends FIN before the peer came: a port of BIND", () => {
    const factory = serve({ bind: true, maxBinds: 1 });
    const transport = ask(factory, "93.184.216.34", { command: BIND });
    transport.end();
    expect([come("93.184.216.34"), transport.disconnecting]).toEqual([null, true]);
    expect(hex(ask(factory, "93.184.216.34", { command: BIND }))).toMatch(/^005a/);
  });

  it("is heard of however much the client has sent: it is never paused, and 64 KiB before the reply are the most", () => {
    const transport = ask(serve(), "93.184.216.34");
    transport.receive(Buffer.alloc(64 * 1024));
    expect([transport.paused, transport.disconnecting]).toEqual([false, false]);
    transport.receive("x");
    expect([hex(transport), transport.disconnecting, reactor.connectors[0]!.state]).toEqual([
      REJECTED,
      true,
      "disconnected",
    ]);
  });

  it("ends when it is rejected, whether or not the client takes the reply", () => {
    const transport = ask(serve(), "93.184.216.34");
    reactor.advance(15);
    expect([hex(transport), reactor.connectors[0]!.state, transport.aborted]).toEqual([
      REJECTED,
      "disconnected",
      false,
    ]);
    reactor.advance(10);
    expect(transport.aborted).toBe(true);
  });

  it("counts until the client is lost", () => {
    const factory = serve({ maxRelays: 2 });
    const first = ask(factory, "93.184.216.34");
    const second = ask(factory, "93.184.216.34");
    expect(hex(ask(factory, "93.184.216.34"))).toBe(REJECTED);
    expect(reason()).toContain("`maxRelays`");
    first.lose();
    const third = ask(factory, "93.184.216.34");
    expect([hex(third), reactor.connectors.length]).toEqual(["", 3]);
    for (const transport of [second, third]) transport.lose();
    expect(reactor.getDelayedCalls().length).toBe(1); // of the one that was rejected
  });

  it.each([
    ["in an orderly way", new ConnectionDone(), false],
    ["by a reset", new ConnectionLost(), true],
  ])("counts until the destination of a client that went %s is lost, too", (_, why, resets) => {
    const factory = serve({ maxRelays: 1 });
    const near = ask(factory, "93.184.216.34");
    const connector = reactor.connectors[0]!;
    connector.state = "connected";
    const far = new HalfTransport().connect(connector.factory.buildProtocol(near.getPeer())!);
    near.lose(why);
    expect(far.aborted).toBe(resets);
    expect(hex(ask(factory, "93.184.216.34"))).toBe(REJECTED);
    far.lose();
    expect(hex(ask(factory, "93.184.216.34"))).toBe("");
  });

  it("is 512 requests at once by default", () => {
    const factory = serve();
    for (let i = 0; i < 512; i++) ask(factory, "93.184.216.34");
    expect(reactor.connectors.length).toBe(512);
    expect(hex(ask(factory, "93.184.216.34"))).toBe(REJECTED);
  });

  it("is 16 ports of BIND at once, and 2 of a peer", () => {
    const factory = serve({ bind: true });
    const bind = (from: string) => ask(factory, "93.184.216.34", { command: BIND, from });
    const [first] = [bind("198.51.100.1"), bind("198.51.100.1")];
    expect(hex(bind("198.51.100.1"))).toBe(REJECTED);
    expect(reason()).toContain("`maxBindsPerPeer`");
    for (let i = 2; i <= 8; i++) for (const from of [`198.51.100.${i}`, `::ffff:198.51.100.${i}`]) bind(from);
    expect(reactor.listened.length).toBe(16);
    expect(hex(bind("198.51.100.99"))).toBe(REJECTED);
    first!.lose();
    bind("198.51.100.99");
    come("93.184.216.34"); // a port that has its peer listens no longer
    bind("198.51.100.98");
    expect(reactor.listened.length).toBe(18);
  });

  it("is ended when nothing was forwarded for 5 minutes in either direction", () => {
    const transport = ask(serve(), "93.184.216.34");
    const destination = reactor.connectors[0]!.succeed();
    reactor.advance(299);
    destination.receive("still here");
    reactor.advance(299);
    transport.receive("still here, too");
    reactor.advance(299);
    expect([transport.disconnecting, destination.disconnecting]).toEqual([false, false]);
    reactor.advance(1);
    expect([transport.disconnecting, destination.disconnecting]).toEqual([true, true]);
  });
});

describe("look-ups for clients", () => {
  it("are two at once, and one for each peer, in turn; literal addresses do not wait", () => {
    const factory = serve();
    for (const name of ["a1.example", "a2.example", "a3.example"]) ask(factory, name, { from: "198.51.100.1" });
    for (const name of ["b1.example", "b2.example"]) ask(factory, name, { from: "198.51.100.2" });
    ask(factory, "c1.example", { from: "198.51.100.3" });
    expect(reactor.asked).toEqual(["a1.example", "b1.example"]);
    ask(factory, "93.184.216.34", { from: "198.51.100.1" });
    expect(reactor.connectors.length).toBe(1);
    for (const name of ["a1", "a2", "c1", "b1", "a3", "b2"]) reactor.answer(`${name}.example`, "93.184.216.34");
    expect(reactor.asked.map((name) => name.slice(0, 2))).toEqual(["a1", "b1", "a2", "c1", "a3", "b2"]);
    expect(reactor.connectors.length).toBe(7);
  });

  it("that have begun count until they end, those that wait go with their clients", () => {
    const factory = serve({ maxLookups: 1 });
    const first = ask(factory, "slow.example", { from: "198.51.100.1" });
    const second = ask(factory, "never.example", { from: "198.51.100.2" });
    ask(factory, "third.example", { from: "198.51.100.3" });
    first.lose();
    second.lose();
    expect(reactor.asked).toEqual(["slow.example"]);
    reactor.answer("slow.example", "93.184.216.34");
    expect(reactor.asked).toEqual(["slow.example", "third.example"]);
    expect(reactor.connectors).toEqual([]);
  });

  it("of one name are one look-up", () => {
    const factory = serve();
    const [gone] = ["198.51.100.1", "198.51.100.2", "198.51.100.1"].map((from) => ask(factory, "a.example", { from }));
    gone!.lose();
    expect(reactor.asked).toEqual(["a.example"]);
    reactor.answer("a.example", "93.184.216.34");
    expect(reactor.connectors.length).toBe(2);
  });

  it("that fail reject each client that waits", () => {
    const factory = serve();
    const clients = ["198.51.100.1", "198.51.100.2"].map((from) => ask(factory, "a.example", { from }));
    reactor.lookups.get("a.example")!.errback(new Error("no such name"));
    expect(clients.map(hex)).toEqual([REJECTED, REJECTED]);
  });

  it("wait no longer than the connection may take", () => {
    const factory = serve({ maxLookups: 1 });
    ask(factory, "slow.example");
    const waiting = ask(factory, "next.example");
    reactor.advance(15);
    expect(hex(waiting)).toBe(REJECTED);
    reactor.answer("slow.example", "93.184.216.34");
    expect(reactor.asked).toEqual(["slow.example"]);
  });

  it("wait 16 to a peer, and 64 in all", () => {
    const factory = serve();
    const asking = (from: string, count: number) =>
      Array.from({ length: count }, (_, i) => ask(factory, `${from}-${i}.example`, { from }));
    expect(hex(asking("198.51.100.1", 17).at(-1)!)).toBe("");
    expect(hex(asking("198.51.100.1", 18).at(-1)!)).toBe(REJECTED);
    for (const from of ["198.51.100.2", "198.51.100.3", "198.51.100.4"]) asking(from, 17);
    expect(hex(asking("198.51.100.5", 1)[0]!)).toBe(REJECTED);
    expect(reason()).toMatch(/^Too many names wait/);
  });
});
