/** PROXY headers, from and to other people's programs. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { IPv4Address, IPv6Address } from "../../src/internet/address.ts";
import { connectProtocol } from "../../src/internet/endpoints/connectprotocol.ts";
import { TCP4ClientEndpoint, TCP4ServerEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { type ProxyInfo, proxyEndpoint, proxyHeader, UNIXAddress } from "../../src/protocols/haproxy.ts";
import { freePort } from "../helpers/freeport.ts";
import { Gate } from "../helpers/gate.ts";
import { accepting, building, need, python, scratch, testReactor } from "../helpers/interop.ts";
import { collectLog } from "../helpers/log.ts";
import { Peer } from "../helpers/peer.ts";
import { Program } from "../helpers/program.ts";

const reactor = testReactor();
const log = collectLog();

/** Answers an HTTP request with the addresses of its connection. */
class Telling extends Protocol {
  #request = "";
  override dataReceived(data: Buffer): void {
    this.#request += data;
    if (!this.#request.includes("\r\n\r\n")) return;
    const told = `${this.transport.getPeer()} ${this.transport.getHost()}`;
    this.transport.write(`HTTP/1.1 200 OK\r\nContent-Length: ${told.length}\r\nConnection: close\r\n\r\n${told}`);
    this.transport.loseConnection();
  }
}

async function serve(): Promise<{ port: number; built: string[] }> {
  const built: string[] = [];
  const factory = building((addr) => {
    built.push(String(addr));
    return new Telling();
  });
  const endpoint = new TCP4ServerEndpoint(reactor(), 0, { interface: "127.0.0.1" });
  // However long one of the programs stands still.
  const options = { trusted: ["127.0.0.1"], timeout: null };
  const listening = await proxyEndpoint(endpoint, options).listen(factory);
  return { port: listening.getHost().port, built };
}

it.each(["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn"])(
  "a server of ours behind haproxy with %s sees who connected to haproxy",
  async (how) => {
    const { port, built } = await serve();
    const front = await freePort();
    const config = join(scratch(), "haproxy.cfg");
    writeFileSync(
      config,
      "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n" +
        `listen front\n  bind 127.0.0.1:${front}\n  server ours 127.0.0.1:${port} ${how}\n`,
    );
    const haproxy = new Program(need("haproxy"), ["-db", "-f", config]);
    await accepting(front, haproxy);
    const client = await Peer.connect(front);
    const address = `127.0.0.1:${client.socket.localPort}`;
    client.write("GET / HTTP/1.1\r\n\r\n");
    expect(await client.rest()).toContain(`\r\n\r\n${address} 127.0.0.1:${front}`);
    expect(built).toContain(address);
    await client.close();
  },
);

it("our server behind haproxy accepts haproxy's own health checks", async () => {
  const { port } = await serve();
  const front = await freePort();
  const config = join(scratch(), "haproxy.cfg");
  writeFileSync(
    config,
    "global\n  log stdout format raw local0\n" +
      "defaults\n  log global\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n" +
      `listen front\n  bind 127.0.0.1:${front}\n  option log-health-checks\n  option httpchk\n` +
      `  server ours 127.0.0.1:${port} send-proxy-v2 check inter 200ms\n`,
  );
  const haproxy = new Program(need("haproxy"), ["-db", "-f", config]);
  await haproxy.until(/Health check for server front\/ours succeeded.*code: 200/);
});

it("our server reads the header of curl --haproxy-protocol", async () => {
  const { port, built } = await serve();
  const { stdout } = await promisify(execFile)(need("curl"), [
    "--silent",
    "--show-error",
    "--haproxy-protocol",
    `http://127.0.0.1:${port}/`,
  ]);
  expect(stdout).toBe(`${built[0]} 127.0.0.1:${port}`);
});

it("our server closes the connection of a curl that sends no header", async () => {
  const { port, built } = await serve();
  const curl = promisify(execFile)(need("curl"), ["--silent", `http://127.0.0.1:${port}/`]);
  await expect(curl).rejects.toMatchObject({ code: expect.any(Number) });
  expect(built).toEqual([]);
  expect(log()).toEqual([expect.stringContaining("does not begin with a PROXY header")]);
});

/** Writes a header and a message, and keeps the answer. */
class Proxying extends Protocol {
  readonly answer = new Gate<string>();
  readonly #header: Buffer;
  #heard = "";
  constructor(header: Buffer) {
    super();
    this.#header = header;
  }
  override connectionMade(): void {
    this.transport.write(this.#header);
    this.transport.write("hello");
  }
  override dataReceived(data: Buffer): void {
    this.#heard += data;
  }
  override connectionLost(): void {
    this.answer.open(this.#heard);
  }
}

const V4: ProxyInfo = {
  source: new IPv4Address("TCP", "192.0.2.1", 54321),
  destination: new IPv4Address("TCP", "198.51.100.7", 80),
};
const V6: ProxyInfo = {
  source: new IPv6Address("TCP", "1:2:3:4:5:6:7:8", 54321),
  destination: new IPv6Address("TCP", "a:b:c:d:e:f:1:2", 443),
};
const UNIX: ProxyInfo = { source: new UNIXAddress("/tmp/a"), destination: new UNIXAddress("/tmp/b") };

it("Twisted reads our headers", async () => {
  const server = python("proxied.py");
  const port = Number((await server.until(/listening on (\d+)/))[1]);
  const cases: [Buffer, string][] = [
    [proxyHeader(V4, 1), "192.0.2.1 54321 198.51.100.7 80"],
    [proxyHeader(V4, 2), "192.0.2.1 54321 198.51.100.7 80"],
    [proxyHeader(V6, 1), "1:2:3:4:5:6:7:8 54321 a:b:c:d:e:f:1:2 443"],
    [proxyHeader(V6, 2), "1:2:3:4:5:6:7:8 54321 a:b:c:d:e:f:1:2 443"],
    [proxyHeader(UNIX, 2), "/tmp/a /tmp/b"],
  ];
  for (const [header, told] of cases) {
    const endpoint = new TCP4ClientEndpoint(reactor(), "127.0.0.1", port);
    const client = await connectProtocol(endpoint, new Proxying(header));
    expect(await client.answer.promise).toBe(`${told} | hello`);
  }
});
