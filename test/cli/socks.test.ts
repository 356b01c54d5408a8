/** `skein serve socks`: who is served, and where to. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { encodeRequest } from "../../src/protocols/socks/request.ts";
import { Program } from "../helpers/program.ts";

const GRANTED = 90;
const REJECTED = 91;

const skein = (...args: string[]) => Program.node("dist/cli/main.js", ["serve", "socks", ...args]);

/** Start the service; resolves to its port. */
async function serving(...args: string[]): Promise<{ program: Program; port: number }> {
  const program = skein("--listen", "tcp:0", ...args);
  const [, port] = await program.until(/^skein: socks on 127\.0\.0\.1:(\d+) /m);
  return { program, port: Number(port) };
}

/** A server that says hello; resolves to its port. */
async function target(): Promise<number> {
  const server = createServer((socket) => socket.end("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function client(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Everything the service answers. */
async function ask(port: number, host: string, to: number, user = "joe", command = 1): Promise<Buffer> {
  const socket = client(port);
  socket.write(encodeRequest(command, host, to, user));
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "close");
  return Buffer.concat(chunks);
}

it("rejects loopback addresses, by address and by name, and says so once", async () => {
  const { program, port } = await serving();
  const to = await target();
  for (const host of ["localhost", "127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1"]) {
    expect([host, (await ask(port, host, to))[1]]).toEqual([host, REJECTED]);
  }
  program.interrupt();
  await program.exited;
  expect(program.stderr).toMatch(/CONNECT localhost:\d+ \(user "joe"\): rejected: 127\.0\.0\.1 is a special address/);
  expect(program.stderr.match(/ rejected: /g)).toHaveLength(1);
});

it("connects to what --allow names, and never to itself", async () => {
  const { port } = await serving("--allow", "10.0.0.0/8", "--allow", "127.0.0.0/8");
  const answer = await ask(port, "localhost", await target());
  expect([answer[1], answer.subarray(8).toString()]).toEqual([GRANTED, "hello"]);
  expect((await ask(port, "127.0.0.1", port))[1]).toBe(REJECTED);
  expect((await ask(port, "127.1.2.3", port))[1]).toBe(REJECTED);
});

it("never connects to another port where it listens, also before anybody has connected there", async () => {
  const { program, port } = await serving(
    "--listen",
    "tcp:0",
    "--listen",
    "haproxy:trusted=any:tcp:0",
    "--allow",
    "127.0.0.0/8",
  );
  for (const _ of ["second", "third"]) {
    const [, other] = await program.until(/^skein: socks on 127\.0\.0\.1:(\d+) /m);
    expect((await ask(port, "127.0.0.1", Number(other)))[1]).toBe(REJECTED);
  }
});

it("serves clients of --allow-from only", async () => {
  const { port } = await serving("--allow", "127.0.0.1", "--allow-from", "192.0.2.0/24");
  const socket = client(port).on("error", () => undefined);
  await new Promise((resolve) => socket.on("close", resolve).resume());
  const other = await serving("--allow", "127.0.0.1", "--allow-from", "127.0.0.1");
  expect((await ask(other.port, "127.0.0.1", await target()))[1]).toBe(GRANTED);
});

it("serves users of --user only", async () => {
  const { port } = await serving("--allow", "127.0.0.1", "--user", "joe", "--user", "jim");
  const to = await target();
  expect((await ask(port, "127.0.0.1", to, "jim"))[1]).toBe(GRANTED);
  expect((await ask(port, "127.0.0.1", to, "jack"))[1]).toBe(REJECTED);
});

it("serves BIND with --bind only", async () => {
  const closed = await serving("--allow", "127.0.0.1");
  expect((await ask(closed.port, "127.0.0.1", 0, "joe", 2))[1]).toBe(REJECTED);
  const { port } = await serving("--allow", "127.0.0.1", "--bind");
  const socket = client(port);
  socket.write(encodeRequest(2, "127.0.0.1", 0, "joe"));
  const [reply] = (await once(socket, "data")) as [Buffer];
  expect(reply[1]).toBe(GRANTED);
});

it.each(["--allow", "--allow-from"])("says what is wrong with %s", async (option) => {
  const program = skein("--listen", "tcp:0", option, "10.0.0.0/33");
  expect(await program.exited).toEqual({ code: 2, signal: null });
  expect(program.stderr).toMatch(
    new RegExp(`^skein: ${option}: "10\\.0\\.0\\.0/33" is no network: .*\nTry: ${option} 10\\.0\\.0\\.0/8\n$`),
  );
});

it("says in its help that there is no authentication", async () => {
  const program = skein("--help");
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stdout).toMatch(/SOCKS 4 has no authentication: whoever reaches it .*--allow NETWORK.*--bind/s);
});
