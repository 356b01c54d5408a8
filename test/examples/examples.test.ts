import { expect, it } from "vitest";
import { freePort } from "../helpers/freeport.ts";
import { Conversation, Program } from "../helpers/program.ts";

const example = (name: string, ...args: (string | number)[]) => Program.node(`examples/${name}.js`, args.map(String));
const CLEAN = { code: 0, signal: null };

it("hello.js greets and stops", async () => {
  const program = example("hello");
  expect(await program.exited).toEqual(CLEAN);
  expect(program.stdout).toMatch(/^hello, skein\nThe \w+ reactor has stopped\.\n$/);
});

it("timers.js does not block, then runs calls in time order", async () => {
  const program = example("timers", 0.01);
  expect(await program.exited).toEqual(CLEAN);
  expect(program.stdout.split("\n")).toEqual([
    "hello, skein",
    "callLater() does not wait",
    "five seconds later",
    "tick 1",
    "tick 2",
    "tick 3",
    "a cancelled call is not active",
    "",
  ]);
});

it("deferred-chain.js passes results and failures along", async () => {
  const program = example("deferred-chain", 0.01);
  expect(await program.exited).toEqual(CLEAN);
  expect(program.stdout.split("\n")).toEqual([
    "First callback with: Initial value",
    "Second callback with: Result from first callback",
    "callback1: 101",
    "callback2: 102",
    "callback3: 103",
    "Callback with: Initial value",
    "Error callback with: TypeError: An error occurred",
    "This runs in either case.",
    "Both are on their way.",
    "No result: 3 is too small",
    "A result: 31",
    "Awaited: 100",
    "Awaited: 200",
    "Awaited: 300",
    "",
  ]);
  expect(program.stderr).toBe("");
});

it("inline-callbacks.js runs its steps in order, and is cancelled", async () => {
  const program = example("inline-callbacks", 0.01);
  expect(await program.exited).toEqual(CLEAN);
  expect(program.stdout.split("\n")).toEqual([
    "CancelledError, so something else",
    "All of that is still to come.",
    "one",
    "two",
    "three",
    "3 steps",
    "",
  ]);
});

it("jobs.js waits for all jobs", async () => {
  const program = example("jobs", 0.01);
  expect(await program.exited).toEqual(CLEAN);
  const each = (line: (id: number) => string): string[] => Array.from({ length: 10 }, (_, id) => line(id));
  expect(program.stdout.split("\n")).toEqual([
    ...each((id) => `begin job ${id}`),
    "All jobs have started.",
    ...each((id) => `done with job ${id}`),
    each((id) => `ok: ${id + 1}`).join(", "),
    "All jobs are done; the reactor runs: true",
    "The reactor runs: false",
    "",
  ]);
});

it("looping-call.js calls three times, without blocking", async () => {
  const program = example("looping-call", 0.05);
  expect(await program.exited).toEqual(CLEAN);
  const lines = program.stdout.split("\n");
  expect(lines[0]).toBe("main has come to its end");
  expect(lines.filter((line) => line.startsWith("call"))).toEqual(["call 1", "call 2", "call 3"]);
  expect(lines).toContain("sum: 333332833333127550");
});

it("finger-server.js answers where users are", async () => {
  const program = example("finger-server", 0);
  const port = Number((await program.until(/^Finger on 0\.0\.0\.0:(\d+)\./m))[1]);
  for (const [asked, answer] of [
    ["ann", "at her desk"],
    ["nobody", "No such user"],
    ["", "Internal error in server"],
  ] as const) {
    const client = await Conversation.with(port);
    client.say(`${asked}\n`);
    await client.until(new RegExp(answer));
  }
  program.interrupt();
  expect(await program.exited).toEqual(CLEAN);
});

it("async-server.js answers until quit", async () => {
  const program = example("async-server", 0);
  const port = Number((await program.until(/^Listening on 0\.0\.0\.0:(\d+)\./m))[1]);
  const client = await Conversation.with(port);
  client.say("hello\r\n");
  await client.until(/You said: hello\r\n/);
  client.say("quit\r\n");
  await client.until(/Bye\./);
  program.interrupt();
  expect(await program.exited).toEqual(CLEAN);
});

it("echo-server.js sends back what it receives, logs each connection, and ends at Ctrl-C", async () => {
  const program = example("echo-server", 0);
  const port = Number((await program.until(/^Echo on 0\.0\.0\.0:(\d+)\. Press Ctrl-C to stop\.$/m))[1]);
  const client = await Conversation.with(port);
  await program.until(/^Connection established with 127\.0\.0\.1:\d+\.$/m);
  client.say("hello");
  await client.until(/hello/);
  client.end();
  await program.until(/^Connection lost: The connection was closed cleanly\.$/m);
  program.interrupt();
  expect(await program.exited).toEqual(CLEAN);
});

it("chat-server.js greets and repeats every line", async () => {
  const program = example("chat-server", 0);
  const port = Number((await program.until(/^Chat on 0\.0\.0\.0:(\d+)\. Press Ctrl-C to stop\.$/m))[1]);
  const client = await Conversation.with(port);
  await client.until(/^Welcome to the chat server!\r\n$/);
  client.say("one\r\ntw");
  await client.until(/^You said: one\r\n$/);
  client.say("o\r\n");
  await client.until(/^You said: two\r\n$/);
  program.interrupt();
  expect(await program.exited).toEqual(CLEAN);
  await client.closed;
});

it("echo-and-time-server.js serves two protocols on two ports", async () => {
  const program = example("echo-and-time-server", 0, 0);
  const [, echoPort, timePort] = await program.until(/^Echo on 0\.0\.0\.0:(\d+), time on 0\.0\.0\.0:(\d+)\./m);
  const [echo, time] = await Promise.all([Conversation.with(Number(echoPort)), Conversation.with(Number(timePort))]);
  echo.say("hello");
  await echo.until(/^hello$/);
  time.say("?");
  await time.until(/^The time is: (.*) GMT\n/);
  await time.until(/^The time is: (.*) GMT\n/);
  time.end();
  await time.closed;
  program.interrupt();
  expect(await program.exited).toEqual(CLEAN);
  expect(program.stderr).not.toContain("Error");
});

it("tcp-client.js talks to echo-server.js, and stops", async () => {
  const server = example("echo-server", 0);
  const port = (await server.until(/^Echo on 0\.0\.0\.0:(\d+)\./m))[1]!;
  const client = example("tcp-client", port, "127.0.0.1");
  expect(await client.exited).toEqual(CLEAN);
  expect(client.stdout).toBe(
    `Connected to 127.0.0.1:${port}.\nReceived: Hello, server!\nConnection lost: The connection was closed cleanly.\n`,
  );
  server.interrupt();
  expect(await server.exited).toEqual(CLEAN);
});

it("tcp-client.js says why it cannot connect, and ends with 1", async () => {
  const client = example("tcp-client", await freePort(), "127.0.0.1");
  expect(await client.exited).toEqual({ code: 1, signal: null });
  expect(client.stderr).toMatch(/^Connection failed: Cannot connect to 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
});
