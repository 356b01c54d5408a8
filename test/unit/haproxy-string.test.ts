/** `haproxy:` in descriptions of endpoints. */
import { describe, expect, it } from "vitest";
import { InvalidEndpointError } from "../../src/internet/endpoints/description.ts";
import { registerServerEndpointParser, serverFromString } from "../../src/internet/endpoints/registry.ts";
import { TCP4ServerEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { Factory } from "../../src/internet/protocol.ts";
import "../../src/protocols/haproxy.ts";
import { FakeReactor, FakeTransport } from "../helpers/fake-transport.ts";

describe("a description", () => {
  it.each([
    ["haproxy:tcp:8080", 8080, { interface: "", backlog: 50 }],
    ["haproxy:tcp:8080:interface=127.0.0.1:backlog=7", 8080, { interface: "127.0.0.1", backlog: 7 }],
    ["haproxy:tcp6:8080:interface=\\:\\:1", 8080, { interface: "::1", backlog: 50 }],
    ["haproxy:haproxy:tcp:8080", 8080, { interface: "", backlog: 50 }],
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
    serverFromString(reactor, "haproxy:tcp:8080", { loopback: true }).listen(new Factory());
    expect(reactor.listened[0]?.options?.interface).toBe("127.0.0.1");
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
    serverFromString(new FakeReactor(), "haproxy:keeper:name=a\\:b\\=c\\\\d");
    expect(seen).toEqual(["a:b=c\\d"]);
  });

  it.each(["haproxy", "haproxy:"])("%s says what is missing", (description) => {
    expect(() => serverFromString(new FakeReactor(), description)).toThrow(/missing.*haproxy:endpoint/);
  });

  it("reports an error in the wrapped description", () => {
    expect(() => serverFromString(new FakeReactor(), "haproxy:tcp:99999")).toThrow(InvalidEndpointError);
    expect(() => serverFromString(new FakeReactor(), "haproxy:tcp:99999")).toThrow(/"tcp:99999"/);
  });

  it("works with a reactor without a clock, while another is installed", () => {
    const { listenTCP, connectTCP } = new FakeReactor();
    expect(() => serverFromString({ listenTCP, connectTCP }, "haproxy:tcp:80")).not.toThrow();
  });
});
