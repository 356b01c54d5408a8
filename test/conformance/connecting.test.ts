import { createServer } from "node:net";
import { expect, test } from "vitest";
import { type ConnectError, NotConnectingError } from "../../src/internet/error.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { Connector } from "../../src/internet/interfaces.ts";
import { ClientFactory, type Protocol } from "../../src/internet/protocol.ts";
import { clientFactory, codeOf, event, onEveryReactor, Recorder, until } from "../helpers/bench.ts";

/** A factory that notes what it is told, and resolves `failed` or `lost`. */
class Noting extends ClientFactory {
  readonly calls: string[] = [];
  readonly made: Protocol[] = [];
  reason: Failure | undefined;

  override startFactory(): void {
    this.calls.push("start");
  }
  override stopFactory(): void {
    this.calls.push("stop");
  }
  override startedConnecting(connector: Connector): void {
    this.calls.push(`connecting (${connector.state})`);
  }
  override clientConnectionFailed(_connector: Connector, reason: Failure): void {
    this.calls.push("failed");
    this.reason = reason;
  }
  override clientConnectionLost(_connector: Connector, reason: Failure): void {
    this.calls.push("lost");
    this.reason = reason;
  }
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await event(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

onEveryReactor((start) => {
  test("a refused connection fails with ConnectionRefusedError", async () => {
    const { reactor } = start();
    const factory = new Noting();
    const connector = reactor.connectTCP("127.0.0.1", await closedPort(), factory);
    expect(factory.calls).toEqual(["start", "connecting (connecting)"]);
    await until(() => factory.calls.includes("stop"));
    expect(factory.calls).toEqual(["start", "connecting (connecting)", "failed", "stop"]);
    expect(codeOf(factory.reason)).toBe("ERR_CONNECTION_REFUSED");
    expect(connector.state).toBe("disconnected");
  });

  test("an address that cannot be reached fails with the kernel's error", async () => {
    const { reactor } = start();
    const factory = new Noting();
    reactor.connectTCP("255.255.255.255", 9, factory);
    await until(() => factory.reason !== undefined);
    expect((factory.reason?.value as ConnectError).osError).toMatch(/^E(NETUNREACH|HOSTUNREACH|ACCES)$/);
  });

  test("an attempt that takes too long fails with ConnectTimeoutError", async () => {
    const { reactor } = start();
    const silent = await silentPort();
    const factory = new Noting();
    reactor.connectTCP("127.0.0.1", silent.port, factory, { timeout: 0.05 });
    await until(() => factory.reason !== undefined);
    expect(codeOf(factory.reason)).toBe("ERR_CONNECT_TIMEOUT");
    silent.close();
  });

  test("stopConnecting ends an attempt with UserError, and only an attempt", async () => {
    const { reactor } = start();
    const silent = await silentPort();
    const factory = new Noting();
    const connector = reactor.connectTCP("127.0.0.1", silent.port, factory);
    connector.stopConnecting();
    expect(codeOf(factory.reason)).toBe("ERR_USER");
    expect(() => connector.stopConnecting()).toThrow(NotConnectingError);
    silent.close();
  });

  test("a host that is unknown fails with DNSLookupError", async () => {
    const { reactor } = start();
    const factory = new Noting();
    reactor.connectTCP("no..such", 9, factory);
    await until(() => factory.reason !== undefined);
    expect(codeOf(factory.reason)).toBe("ERR_DNS_LOOKUP");
  });

  test("a connection starts from the address it is bound to", async () => {
    const bench = start();
    const server = new Recorder();
    const port = bench.listen(() => server);
    const client = new Recorder();
    bench.reactor.connectTCP("127.0.0.1", port.getHost().port, clientFactory(client), { bindAddress: ["127.0.0.7", 0] });
    await server.when(() => server.events.includes("made"));
    expect(server.transport?.getPeer().host).toBe("127.0.0.7");
  });

  test("binding to an address that is not ours fails with ConnectBindError", async () => {
    const { reactor } = start();
    const factory = new Noting();
    reactor.connectTCP("127.0.0.1", 9, factory, { bindAddress: ["192.0.2.1", 0] });
    await until(() => factory.reason !== undefined);
    expect(codeOf(factory.reason)).toBe("ERR_CONNECT_BIND");
  });

  test("a factory that builds nothing has its connection closed", async () => {
    const bench = start();
    const server = new Recorder();
    const port = bench.listen(() => server);
    const factory = new Noting();
    factory.buildProtocol = () => null;
    bench.reactor.connectTCP("127.0.0.1", port.getHost().port, factory);
    await server.lost;
    await until(() => factory.calls.includes("stop"));
    expect(factory.calls.slice(-2)).toEqual(["lost", "stop"]);
  });

  test("connect() from clientConnectionLost connects again, without stopping the factory", async () => {
    const bench = start();
    let connections = 0;
    const port = bench.listen(() => {
      connections++;
      const protocol = new Recorder();
      protocol.connectionMade = () => protocol.transport?.loseConnection();
      return protocol;
    });
    const factory = new Noting();
    factory.buildProtocol = () => new Recorder();
    factory.clientConnectionLost = (connector) => {
      factory.calls.push("lost");
      if (connections < 3) connector.connect();
    };
    bench.reactor.connectTCP("127.0.0.1", port.getHost().port, factory);
    await until(() => factory.calls.includes("stop"));
    expect(connections).toBe(3);
    expect(factory.calls.filter((call) => call === "start" || call === "stop")).toEqual(["start", "stop"]);
  });

  test("disconnect() closes a connection, and stops an attempt", async () => {
    const bench = start();
    const port = bench.listen(() => new Recorder());
    const client = new Recorder();
    const connector = bench.reactor.connectTCP("127.0.0.1", port.getHost().port, clientFactory(client));
    await client.when(() => client.events.includes("made"));
    expect(connector.state).toBe("connected");
    connector.disconnect();
    await client.lost;
    connector.connect();
    connector.disconnect();
    expect(connector.state).toBe("disconnected");
  });
});

/** A port that answers nobody: its backlog is full and nothing accepts. */
async function silentPort(): Promise<{ port: number; close: () => void }> {
  const { execFile } = await import("node:child_process");
  const program =
    "import socket,sys\n" +
    "l=socket.socket(); l.bind(('127.0.0.1',0)); l.listen(0)\n" +
    "held=[]\n" +
    "for _ in range(8):\n" +
    "  s=socket.socket(); s.setblocking(False); s.connect_ex(l.getsockname()); held.append(s)\n" +
    "print(l.getsockname()[1],flush=True); sys.stdin.read()\n";
  const child = execFile("python3", ["-c", program]);
  const line = await event<string>(child.stdout!, "data");
  return { port: Number(line), close: () => child.stdin?.end() };
}
