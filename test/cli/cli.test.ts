import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { TIMEOUT_SECONDS } from "../../src/protocols/haproxy/options.ts";
import { attentively } from "../helpers/attention.ts";
import { freePort } from "../helpers/freeport.ts";
import { Conversation, Program } from "../helpers/program.ts";

/** Behind haproxy, a client is reset that has sent no header by then. */
const HEADER_MS = TIMEOUT_SECONDS * 1000;

const skein = (args: readonly string[], env?: NodeJS.ProcessEnv) => Program.node("dist/cli/main.js", args, env);

/** Start a service, and wait until it listens; resolves to it and its ports. */
async function serving(...args: string[]): Promise<{ program: Program; ports: number[] }> {
  const program = skein(["serve", ...args]);
  const ports: number[] = [];
  const listens = args.filter((arg) => arg === "--listen").length;
  while (ports.length < listens) {
    ports.push(Number((await program.until(/^skein: \w+ on \S+:(\d+) \(\w+ reactor\); press Ctrl-C to stop\n/m))[1]));
  }
  return { program, ports };
}

it.each([["--help"], ["-h"]])("skein %s tells its commands and exit codes", async (flag) => {
  const program = skein([flag]);
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stdout).toMatch(/^Usage: skein COMMAND .*\bserve SERVICE\b.*\bExit code: 0 /s);
  expect(program.stderr).toBe("");
});

it("skein serve --help lists the services, the endpoints and an example", async () => {
  const program = skein(["serve", "--help"]);
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stdout).toMatch(
    /chat.*discard.*echo.*portforward.*time.*--listen ENDPOINT.*tcp:port.*tcp6:port.*--reactor.*Example: /s,
  );
  expect(program.stdout).not.toContain("--to HOST:PORT");
});

it("skein serve SERVICE --help lists the service's own options, and those of every service", async () => {
  const program = skein(["serve", "portforward", "--help"]);
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stdout).toMatch(
    /portforward: forwards .*Options of portforward:\n {2}-t, --to HOST:PORT .*Options of every service:.*--listen ENDPOINT.*Example: skein serve portforward --listen tcp:1234 --to localhost:80\n$/s,
  );
});

it.each([
  ["chat", /Warning: whoever reaches it reads all messages/],
  ["chargen", /Warning: it sends as fast as each client reads/],
  ["portforward", /Warning: whoever reaches it reaches the target/],
  ["socks", /Warning: SOCKS 4 has no authentication: whoever reaches it connects to other hosts/],
])("skein serve %s --help warns of what whoever reaches it can do, and tells the limits", async (service, warning) => {
  const program = skein(["serve", service, "--help"]);
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stdout).toMatch(warning);
  expect(program.stdout).toMatch(/1024 connections at once, 64 of one peer, .* 300 seconds without a byte/);
  expect(program.stdout).toMatch(/Whoever is trusted names the client's address; trusted=any trusts everybody/);
});

it("skein --version prints the version", async () => {
  const program = skein(["--version"]);
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stdout).toMatch(/^skein \d+\.\d+\.\d+\n$/);
});

it.each([
  [[], "No command given", "Try: skein --help"],
  [["dance"], 'There is no command "dance"', "Try: skein --help"],
  [["--dance"], "Unknown option '--dance'", "Try: skein --help"],
  [
    ["serve"],
    "No service given; there are: chat, chargen, daytime, discard, echo, portforward, qotd, socks, time",
    "Try: skein serve chat --listen tcp:1234",
  ],
  [
    ["serve", "chta", "--listen", "tcp:0"],
    'There is no service "chta"; there are: chat, chargen, daytime, discard, echo, portforward, qotd, socks, time',
    "Try: skein serve chat --listen tcp:1234",
  ],
  [
    ["serve", "constructor"],
    'There is no service "constructor"; there are: chat, chargen, daytime, discard, echo, portforward, qotd, socks, time',
    "Try: skein",
  ],
  [["serve", "echo", "time"], 'Only one service can be served: "time" is not expected', "Try: skein serve chat"],
  [["serve", "echo"], "--listen is missing", "Try: skein serve echo --listen tcp:1234"],
  [["serve", "echo", "--lisen", "tcp:0"], "Unknown option '--lisen'", "Try: skein serve --help"],
  [["serve", "echo", "--listen"], "Option '-l, --listen <value>' argument missing", "Try: skein serve --help"],
  [
    ["serve", "portforward", "--listen", "tcp:0"],
    "--to is missing, which portforward needs",
    "Try: skein serve portforward --listen tcp:1234 --to localhost:80",
  ],
  [
    ["serve", "echo", "--listen", "tcp:0", "--to", "localhost:80"],
    "echo does not take --to",
    "Try: skein serve echo --listen tcp:1234",
  ],
  ...["localhost", "localhost:http", ":80", "localhost:0", "localhost:65536", "::1", "[::1]", "[]:80"].map(
    (to): [string[], string, string] => [
      ["serve", "portforward", "--listen", "tcp:0", "--to", to],
      `"${to}" is not a host and a port to connect to`,
      "Try: --to localhost:80, or --to [::1]:80",
    ],
  ),
  [
    ["serve", "echo", "--listen", "tcp:0", "--listen", "tcp:http"],
    'Bad endpoint "tcp:http": port "http" is not an integer from 0 to 65535. Accepted: tcp:port',
    "Try: --listen tcp:1234",
  ],
  ...["0", "-1", "many", "1.5", "", "1e9"].map((text): [string[], string, string] => [
    ["serve", "echo", "--listen", "tcp:0", `--max-connections=${text}`],
    `--max-connections "${text}" is not a whole number from 1 on`,
    "Try: --max-connections 1024, or --max-connections none for no limit",
  ]),
  [
    ["serve", "echo", "--listen", "tcp:0", "--idle", "0"],
    '--idle "0" is not a whole number from 1 on',
    "Try: --idle 300, or --idle none for no limit",
  ],
  [
    ["serve", "echo", "--listen", "tcp:0", "--reactor", "epoil"],
    "There is no epoil reactor here: there is none of that name on this platform. Available: ",
    "Try it without --reactor: the platform's best is chosen then.",
  ],
])("skein %j says what is wrong, how it is right, and ends with 2", async (args, what, way) => {
  const program = skein(args);
  expect(await program.exited).toEqual({ code: 2, signal: null });
  const [first, second, ...rest] = program.stderr.split("\n");
  expect(first).toContain(`skein: ${what}`);
  expect(second).toContain(way);
  expect(rest).toEqual([""]);
  expect(program.stdout).toBe("");
});

it("exits with 1 and a message when its port is in use", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const program = skein(["serve", "echo", "--listen", `tcp:${port}`]);
  expect(await program.exited).toEqual({ code: 1, signal: null });
  expect(program.stderr).toMatch(
    new RegExp(`^skein: Cannot listen on 127.0.0.1, port ${port}: .*EADDRINUSE.* choose another port, .*\n$`),
  );
  expect(program.stdout).toBe("");
});

it("serves echo on every endpoint given, and exits with 0 at Ctrl-C", async () => {
  const everywhere = "tcp:0:interface=0.0.0.0";
  const { program, ports } = await serving("echo", "--listen", "tcp:0:interface=127.0.0.1", "--listen", everywhere);
  expect(new Set(ports).size).toBe(2);
  expect(program.stdout).toMatch(/^skein: echo on 127\.0\.0\.1:\d+ \(\w+ reactor\); press Ctrl-C to stop$/m);
  expect(program.stdout).toMatch(/^skein: echo on 0\.0\.0\.0:\d+ /m);
  for (const port of ports) {
    const client = await Conversation.with(port);
    client.say("over and out");
    await client.until(/over and out/);
    client.end();
    expect(await client.closed).toBe("over and out");
  }
  program.interrupt();
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stdout).not.toContain("only this machine can connect");
});

it.each([
  ["tcp:0", "127\\.0\\.0\\.1"],
  ["tcp:0:interface=", "127\\.0\\.0\\.1"],
  ["haproxy:trusted=any:tcp:0", "127\\.0\\.0\\.1"],
  ["tcp6:0", "\\[::1\\]"],
])("listens at %s on this machine only, and says how to listen elsewhere", async (endpoint, address) => {
  const { program } = await serving("echo", "--listen", endpoint);
  await program.until(/^skein: only this machine can connect; .*interface=0\.0\.0\.0$/m);
  expect(program.stdout).toMatch(new RegExp(`^skein: echo on ${address}:\\d+ `));
});

it("refuses connections beyond --max-connections, of all endpoints together, until one closes", async () => {
  const { program, ports } = await serving("echo", "--listen", "tcp:0", "--listen", "tcp:0", "--max-connections", "2");
  const [first, second] = [await echoing(ports[0]!), await echoing(ports[1]!)];
  expect([await refused(ports[0]!), await refused(ports[1]!)]).toEqual([true, true]);
  first.end();
  await first.closed;
  while (await refused(ports[0]!));
  second.say("still there");
  await second.until(/still there/);
  program.interrupt();
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stderr.match(/A connection from 127\.0\.0\.1:\d+ is refused: 2 are open/g)?.length).toBe(1);
});

it("refuses connections of one peer beyond --max-per-peer", async () => {
  const { ports } = await serving("echo", "--listen", "tcp:0", "--max-per-peer", "1");
  await echoing(ports[0]!);
  expect(await refused(ports[0]!)).toBe(true);
});

it("counts behind haproxy: the clients that headers name as peers, but sockets in all", () =>
  attentively(HEADER_MS / 2, async () => {
    const limits = ["--max-per-peer", "1", "--max-connections", "3"];
    const { ports } = await serving("echo", "--listen", "haproxy:trusted=127.0.0.1:tcp:0", ...limits);
    const header = (source: string) => `PROXY TCP4 ${source} 192.0.2.9 1 2\r\n`;
    await echoing(ports[0]!, header("192.0.2.1"));
    expect(await refused(ports[0]!, header("192.0.2.1"))).toBe(true);
    // The refused one has left before its place is free.
    while (await refused(ports[0]!, header("192.0.2.2")));
    await echoing(ports[0]!, header("192.0.2.3"));
    expect(await refused(ports[0]!, header("192.0.2.4"))).toBe(true);
  }));

it.each(["tcp:0", "haproxy:trusted=127.0.0.1:tcp:0"])("resets whom it refuses at %s", async (endpoint) => {
  const header = endpoint.startsWith("haproxy") ? "PROXY TCP4 192.0.2.1 192.0.2.9 1 2\r\n" : "";
  const ports = await attentively(HEADER_MS / 2, async () => {
    const { ports } = await serving("echo", "--listen", endpoint, "--max-per-peer", "1");
    await echoing(ports[0]!, header);
    return ports;
  });
  for (let i = 0; i < 10; i++) {
    // It reads, and does not close.
    const socket = connect({ port: ports[0]!, host: "127.0.0.1", allowHalfOpen: true }).resume();
    onTestFinished(() => void socket.destroy());
    const over = once(socket, "end").catch((error: unknown) => error);
    socket.write(header);
    expect(await over).toMatchObject({ code: "ECONNRESET" });
  }
});

it("has limits by default: 64 connections of one peer", async () => {
  const { ports } = await serving("echo", "--listen", "tcp:0");
  for (let i = 0; i < 64; i++) await echoing(ports[0]!);
  expect(await refused(ports[0]!)).toBe(true);
});

it("closes what is idle for the seconds of --idle, and a connection whose peer does not read", async () => {
  const { ports } = await serving("chargen", "--listen", "tcp:0", "--idle", "1", "--max-connections", "1");
  const socket = connect(ports[0]!, "127.0.0.1").pause();
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  // Its place is free once it was closed.
  while (await refused(ports[0]!));
});

/** A connection that is served: an echo came back. */
async function echoing(port: number, header = ""): Promise<Conversation> {
  const client = await Conversation.with(port);
  client.say(`${header}hello`);
  await client.until(/hello/);
  return client;
}

/** Whether a new connection to `port` is closed without a byte. */
async function refused(port: number, header = ""): Promise<boolean> {
  const client = await Conversation.with(port).catch(() => null);
  if (client === null) return true; // reset at once
  client.say(`${header}hello`);
  const outcome = await Promise.race([
    client.closed.catch(() => ""),
    client.until(/./s).then(
      () => null,
      () => "",
    ),
  ]);
  return outcome !== null;
}

it("sends back everything that a client sent before its half-close", async () => {
  const { ports } = await serving("echo", "--listen", "tcp:0:interface=127.0.0.1");
  const client = await Conversation.with(ports[0]!);
  const text = "0123456789".repeat(100_000);
  client.say(text);
  client.end();
  expect((await client.closed) === text).toBe(true);
});

it("serves the time", async () => {
  const { program, ports } = await serving("time", "--listen", "tcp:0:interface=127.0.0.1");
  const client = await Conversation.with(ports[0]!);
  const bytes = Buffer.from(await client.closed, "latin1");
  const since1900 = Date.UTC(1970, 0) - Date.UTC(1900, 0);
  expect(bytes.length).toBe(4);
  expect(Math.abs(bytes.readUInt32BE() - (Date.now() + since1900) / 1000)).toBeLessThan(60);
  program.interrupt();
  expect(await program.exited).toEqual({ code: 0, signal: null });
});

it("serves discard", async () => {
  const { program, ports } = await serving("discard", "--listen", "tcp:0:interface=127.0.0.1");
  const client = await Conversation.with(ports[0]!);
  client.say("into the void");
  client.end();
  expect(await client.closed).toBe("");
  program.interrupt();
  expect(await program.exited).toEqual({ code: 0, signal: null });
});

it("forwards connections, and their half-closes", async () => {
  const { ports: echo } = await serving("echo", "--listen", "tcp:0:interface=127.0.0.1");
  const { program, ports } = await serving(
    "portforward",
    "--listen",
    "tcp:0:interface=127.0.0.1",
    "--to",
    `localhost:${echo[0]}`,
  );
  const client = await Conversation.with(ports[0]!);
  const text = "0123456789".repeat(100_000);
  client.say(text);
  client.end();
  expect((await client.closed) === text).toBe(true);
  program.interrupt();
  expect(await program.exited).toEqual({ code: 0, signal: null });
});

it("drops a connection that it cannot forward, and logs it", async () => {
  const port = await freePort();
  const { program, ports } = await serving(
    "portforward",
    "--listen",
    "tcp:0:interface=127.0.0.1",
    "--to",
    `127.0.0.1:${port}`,
  );
  const client = await Conversation.with(ports[0]!);
  expect(await client.closed).toBe("");
  program.interrupt();
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stderr).toContain(`cannot be forwarded: Cannot connect to 127.0.0.1:${port}: `);
});

it("runs on the reactor that --reactor or SKEIN_REACTOR names", async () => {
  const available = /Available: (.*)\./.exec(await complaint(["serve", "echo", "-l", "tcp:0", "-r", "none"]))?.[1];
  for (const name of (available ?? "").split(", ")) {
    for (const program of [
      skein(["serve", "echo", "-l", "tcp:0", "-r", name], { SKEIN_REACTOR: "none" }),
      skein(["serve", "echo", "-l", "tcp:0"], { SKEIN_REACTOR: name }),
    ]) {
      await program.until(new RegExp(`\\(${name} reactor\\)`));
      program.interrupt();
      expect(await program.exited).toEqual({ code: 0, signal: null });
    }
  }
});

async function complaint(args: string[]): Promise<string> {
  const program = skein(args);
  await program.exited;
  return program.stderr;
}

it.runIf(process.platform === "linux")(
  "skein reactors tells those of other platforms, also without the addon",
  async () => {
    const program = skein(["reactors"], { NODE_OPTIONS: "--no-addons" });
    expect(await program.exited).toEqual({ code: 0, signal: null });
    expect(program.stdout).toMatch(/^kqueue +no: kqueue is macOS' and the BSDs'$/m);
    expect(program.stdout).toMatch(/^iocp +no: completion ports are Windows'$/m);
    expect(program.stdout).toMatch(/^node +yes, the default +node +no addon +over node:tls$/m);
    for (const own of ["epoll", "poll", "select", "io_uring"]) {
      expect(program.stdout).toMatch(new RegExp(`^${own} +no: the addon does not load$`, "m"));
    }
  },
);
