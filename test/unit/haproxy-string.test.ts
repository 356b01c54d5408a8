/** `haproxy:` in descriptions of endpoints. */
import { describe, expect, it } from "vitest";
import { InvalidEndpointError } from "../../src/internet/endpoints/description.ts";
import { registerServerEndpointParser, serverFromString } from "../../src/internet/endpoints/registry.ts";
import { TCP4ServerEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { Factory } from "../../src/internet/protocol.ts";
import "../../src/protocols/haproxy.ts";
import { FakeReactor, FakeTransport } from "../helpers/fake-transport.ts";
import { collectLog } from "../helpers/log.ts";

collectLog();

describe("a description", () => {
  it.each([
    ["haproxy:trusted=any:tcp:8080", 8080, { interface: "", backlog: 50 }],
    ["haproxy:trusted=192.0.2.0/24:timeout=9.5:tcp:8080", 8080, { interface: "", backlog: 50 }],
    [
      "haproxy:trusted=10.0.0.0/8,192.0.2.1:tcp:8080:interface=127.0.0.1:backlog=7",
      8080,
      { interface: "127.0.0.1", backlog: 7 },
    ],
    ["haproxy:trusted=fd00\\:\\:/8,0.0.0.0/0:tcp6:8080:interface=\\:\\:1", 8080, { interface: "::1", backlog: 50 }],
  ])("%s is of a port that wants headers", (description, port, options) => {
    const reactor = new FakeReactor();
    const factory = new Factory();
    serverFromString(reactor, description).listen(factory);
    const [listened] = reactor.listened;
    expect([listened?.port, listened?.options]).toEqual([port, options]);
    const transport = new FakeTransport();
    transport.connect(listened!.factory.buildProtocol(transport.getPeer())!);
    expect(reactor.getDelayedCalls().length).toBe(1);
    transport.loseConnection();
  });

  it("is of a port of this machine only, if that is asked for", () => {
    const reactor = new FakeReactor();
    serverFromString(reactor, "haproxy:trusted=any:tcp:8080", { loopback: true }).listen(new Factory());
    expect(reactor.listened[0]?.options?.interface).toBe("127.0.0.1");
  });

  it.each([
    ["haproxy:trusted=any:tcp:80", true],
    ["haproxy:trusted=192.0.2.1:tcp:80", true],
    ["haproxy:trusted=192.0.2.2,10.0.0.0/8:tcp:80", false],
    ["haproxy:trusted=unix:tcp:80", false],
  ])("%s trusts 192.0.2.1: %s", (description, trusted) => {
    const reactor = new FakeReactor();
    serverFromString(reactor, description).listen(new Factory());
    expect(reactor.listened[0]!.factory.buildProtocol(new FakeTransport().getPeer()) !== null).toBe(trusted);
  });

  it.each(["haproxy:tcp:80", "haproxy:trusted=:tcp:80", "haproxy:timeout=3:tcp:80"])(
    "%s is refused, and the error tells how to say who is trusted",
    (description) => {
      const parse = () => serverFromString(new FakeReactor(), description);
      expect(parse).toThrow(InvalidEndpointError);
      expect(parse).toThrow(/trusted is missing.*haproxy:trusted=10\.0\.0\.0\/8,192\.0\.2\.7:tcp:8080.*trusted=any/);
    },
  );

  it.each([
    ["haproxy:trusted=proxy.example:tcp:80", '"proxy.example" is no network'],
    ["haproxy:trusted=10.0.0.1/8:tcp:80", "bits after its prefix"],
    ["haproxy:trusted=10.0.0.1,:tcp:80", '"" is no network'],
    ["haproxy:trusted=any,10.0.0.1:tcp:80", '"any" in options.trusted must stand alone'],
    ["haproxy:trusted=fd00::/8:tcp:80", '"fd00" is no network'],
    ["haproxy:trusted=::1:tcp:80", 'write "\\:" for each ":" of an IPv6 address'],
    ["haproxy:trust=any:tcp:80", 'it has no argument "trust"'],
    ["haproxy:trusted=any:trusted=any:tcp:80", '"trusted" is given twice'],
    ["haproxy:trusted=any:timeout=soon:tcp:80", 'timeout "soon" is not a number of seconds'],
    ["haproxy:trusted=any:haproxy:trusted=any:tcp:80", "PROXY headers do not nest"],
    ["haproxy:trusted=any:hapro\\xy:trusted=any:tcp:80", "PROXY headers do not nest"],
    ["haproxy:trusted=\u001b[31m:tcp:80\u009b", "is no network"],
  ])("names what is wrong with %j", (description, message) => {
    const parse = () => serverFromString(new FakeReactor(), description);
    expect(parse).toThrow(InvalidEndpointError);
    expect(parse).toThrow(message);
    expect(parse).toThrow(/^[\x20-\x7e]*$/);
  });

  it("keeps escapes for the wrapped description", () => {
    const seen: string[] = [];
    registerServerEndpointParser({
      prefix: "keeper",
      form: "keeper:name",
      parameters: ["name"],
      parse: (reactor, args) => {
        seen.push(args.text("name"));
        return new TCP4ServerEndpoint(reactor, 0);
      },
    });
    serverFromString(new FakeReactor(), "haproxy:trusted=any:keeper:name=a\\:b\\=c\\\\d");
    expect(seen).toEqual(["a:b=c\\d"]);
  });

  it.each(["haproxy", "haproxy:trusted=any"])("%s says what is missing", (description) => {
    expect(() => serverFromString(new FakeReactor(), description)).toThrow(/wraps is missing.*haproxy:trusted=/);
  });

  it("reports an error in the wrapped description", () => {
    expect(() => serverFromString(new FakeReactor(), "haproxy:trusted=any:tcp:99999")).toThrow(InvalidEndpointError);
    expect(() => serverFromString(new FakeReactor(), "haproxy:trusted=any:tcp:99999")).toThrow(/"tcp:99999"/);
  });

  it("works with a reactor without a clock, while another is installed", () => {
    const { listenTCP, connectTCP } = new FakeReactor();
    expect(() => serverFromString({ listenTCP, connectTCP }, "haproxy:trusted=any:tcp:80")).not.toThrow();
  });
});
