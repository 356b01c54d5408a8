/** SOCKS 4 and 4a, with Twisted and curl on the other side. */
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { connectProtocol } from "../../src/internet/endpoints/connectprotocol.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { SOCKS4ClientEndpoint, SOCKSError, SOCKSv4, SOCKSv4Factory } from "../../src/protocols/socks.ts";
import { Echo } from "../../src/protocols/wire.ts";
import { freePort } from "../helpers/freeport.ts";
import { building, listen, need, python, testReactor, twistedPython } from "../helpers/interop.ts";
import { Program } from "../helpers/program.ts";
import { Recorder } from "../helpers/recorder.ts";

const reactor = testReactor();

/** A web server that answers every request with a megabyte. */
async function website(): Promise<number> {
  const server = createServer((_request, response) => response.end("x".repeat(1_000_000)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function curl(proxy: string, url: string): Promise<{ stdout: string }> {
  const args = ["--silent", "--show-error", "--proxy", proxy, "--noproxy", "", url];
  return promisify(execFile)(need("curl"), args, { maxBuffer: 2_000_000 });
}

function proxy(lines: string[] = [], Client = SOCKSv4): number {
  const open = { allow: ["127.0.0.0/8"], bind: true };
  return listen(reactor(), new SOCKSv4Factory(reactor(), (line) => lines.push(line), Client, open));
}

it.each([
  ["socks4", "127.0.0.1"],
  ["socks4a", "localhost"],
  ["socks4a", "127.0.0.1"],
])("curl fetches a page through our server by %s from %s", async (scheme, host) => {
  const lines: string[] = [];
  const site = await website();
  const { stdout } = await curl(`${scheme}://joe@127.0.0.1:${proxy(lines)}`, `http://${host}:${site}/`);
  expect(stdout.length).toBe(1_000_000);
  expect(lines.join("\n")).toContain(`CONNECT ${host}:${site} (user "joe"): connected to 127.0.0.1:${site}`);
});

it("curl gets a rejection when our server cannot connect, cannot resolve the name, or may not connect", async () => {
  class Strict extends SOCKSv4 {
    override authorize(_code: number, _server: string, _port: number, user: string): boolean {
      return user === "joe";
    }
  }
  const lines: string[] = [];
  const port = proxy(lines, Strict);
  const nowhere = await freePort();
  await expect(curl(`socks4://joe@127.0.0.1:${port}`, `http://127.0.0.1:${nowhere}/`)).rejects.toThrow(/91/);
  await expect(curl(`socks4a://joe@127.0.0.1:${port}`, "http://no-such-name.invalid/")).rejects.toThrow(/91/);
  await expect(curl(`socks4://jim@127.0.0.1:${port}`, `http://127.0.0.1:${nowhere}/`)).rejects.toThrow(/91/);
  expect(lines.map((line) => /rejected: .*/.exec(line)?.[0])).toEqual([
    expect.stringContaining("ECONNREFUSED"),
    expect.stringContaining("no-such-name.invalid"),
    expect.stringContaining("not authorized"),
  ]);
});

it("a Python program uses BIND on our server, and both sides half-close", async () => {
  const peer = python("socksbind.py", proxy());
  await peer.until(/first reply 90\nsecond reply 90 127\.0\.0\.1 True\n/);
  await peer.until(/client got b'from the peer'\npeer got b'from the client' b''\nclient got b'last words' b''\n/);
  expect(await peer.exited).toEqual({ code: 0, signal: null });
});

/** Twisted's own server. */
async function twistedProxy(): Promise<TCP4ClientEndpoint> {
  const run = "from twisted.scripts.twistd import run; run()";
  const args = ["-c", run, "--nodaemon", "--pidfile=", "socks", "--port=0", "--interface=127.0.0.1"];
  const server = new Program(twistedPython(), args);
  const port = Number((await server.until(/SOCKSv4Factory starting on (\d+)/))[1]);
  return new TCP4ClientEndpoint(reactor(), "127.0.0.1", port);
}

it.each(["127.0.0.1", "localhost"])("our client connects to %s through a server of Twisted", async (host) => {
  const through = await twistedProxy();
  const echo = listen(
    reactor(),
    building(() => new Echo()),
  );
  const client = await connectProtocol(new SOCKS4ClientEndpoint(through, host, echo, "joe"), new Recorder());
  client.transport.write("there and back");
  await client.arrived.reaches(14);
  expect(client.text).toBe("there and back");
});

it("our client fails when Twisted's server cannot connect", async () => {
  const through = await twistedProxy();
  const endpoint = new SOCKS4ClientEndpoint(through, "127.0.0.1", await freePort());
  await expect(connectProtocol(endpoint, new Recorder())).rejects.toThrow(SOCKSError);
});

it("our client connects through our server", async () => {
  const endpoint = new TCP4ClientEndpoint(reactor(), "127.0.0.1", proxy());
  const echo = listen(
    reactor(),
    building(() => new Echo()),
  );
  const client = await connectProtocol(new SOCKS4ClientEndpoint(endpoint, "localhost", echo), new Recorder());
  client.transport.write("there and back");
  await client.arrived.reaches(14);
  client.transport.loseConnection();
  await client.lost.promise;
});
