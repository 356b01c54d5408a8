/** Our client and a memcached. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { connectProtocol } from "../../src/internet/endpoints/connectprotocol.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { ClientError, MemCacheProtocol, ServerError } from "../../src/protocols/memcache.ts";
import { until } from "../helpers/gate.ts";
import { need, scratch, testReactor } from "../helpers/interop.ts";
import { Program } from "../helpers/program.ts";

const reactor = testReactor();

async function connect(): Promise<MemCacheProtocol> {
  const portFile = join(scratch(), "port");
  const server = new Program(need("memcached"), ["-l", "127.0.0.1", "-p", "-1", "-U", "0", "-u", "root"], {
    MEMCACHED_PORT_FILENAME: portFile,
  });
  let ended = false;
  server.exited.then(() => {
    ended = true;
  });
  await until(() => ended || existsSync(portFile));
  if (ended) throw new Error(`memcached ended: ${server.stderr}`);
  const port = Number(/TCP INET: (\d+)/.exec(readFileSync(portFile, "latin1"))?.[1]);
  return connectProtocol(
    new TCP4ClientEndpoint(reactor(), "127.0.0.1", port),
    new MemCacheProtocol({ clock: reactor() }),
  );
}

it("stores, retrieves, changes and deletes values", async () => {
  const client = await connect();
  expect(await client.get("a")).toEqual([0, null]);
  expect(await client.set("a", "one", 42)).toBe(true);
  expect(await client.get("a")).toEqual([42, Buffer.from("one")]);
  expect(await client.add("a", "x")).toBe(false);
  expect(await client.add("b", "new")).toBe(true);
  expect(await client.replace("c", "x")).toBe(false);
  expect(await client.replace("a", "two")).toBe(true);
  expect(await client.append("a", ".")).toBe(true);
  expect(await client.prepend("a", ">")).toBe(true);
  expect(await client.append("c", ".")).toBe(false);
  expect(await client.getMultiple(["a", "b", "c"])).toEqual(
    new Map([
      ["a", [0, Buffer.from(">two.")]],
      ["b", [0, Buffer.from("new")]],
      ["c", [0, null]],
    ]),
  );
  expect(await client.delete("b")).toBe(true);
  expect(await client.delete("b")).toBe(false);
  expect(await client.set("grüße", "ja")).toBe(true);
  expect(await client.get("grüße")).toEqual([0, Buffer.from("ja")]);
  expect(await client.set("brief", "x", 0, -1)).toBe(true);
  expect(await client.get("brief")).toEqual([0, null]);
  expect(await client.flushAll()).toBe(true);
  expect(await client.get("a")).toEqual([0, null]);
});

it("stores by check-and-set only if the value is unchanged", async () => {
  const client = await connect();
  expect(await client.checkAndSet("a", "x", "1")).toBe(false);
  await client.set("a", "one");
  const [, cas] = await client.get("a", true);
  expect(cas).toMatch(/^\d+$/);
  expect(await client.checkAndSet("a", "two", cas)).toBe(true);
  expect(await client.checkAndSet("a", "three", cas)).toBe(false);
  const values = await client.getMultiple(["a", "b"], true);
  expect(values.get("a")?.[2]).toEqual(Buffer.from("two"));
  expect(values.get("b")).toEqual([0, "", null]);
});

it("increments and decrements", async () => {
  const client = await connect();
  expect(await client.increment("n")).toBe(false);
  await client.set("n", "10");
  expect(await client.increment("n", 90)).toBe(100);
  expect(await client.decrement("n")).toBe(99);
  expect(await client.decrement("n", 1000)).toBe(0);
  await client.set("word", "many");
  await expect(client.increment("word")).rejects.toThrow(ClientError);
});

it("returns its version and its statistics", async () => {
  const client = await connect();
  const version = await client.version();
  const stats = await client.stats();
  expect(stats.get("version")).toBe(version);
  expect(Number(stats.get("curr_connections"))).toBeGreaterThan(0);
  await client.set("a", "x");
  expect((await client.stats("items")).size).toBeGreaterThan(0);
  expect(await client.stats("reset")).toEqual(new Map());
});

it("stores values of every size up to its limit, and refuses larger ones without desynchronising", async () => {
  const client = await connect();
  const sizes = [0, 1, 2, 1000, 65_536, 1_000_000];
  const values = sizes.map((size) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + size) & 255)));
  const stored = values.map((value, i) => client.set(`size${i}`, value));
  const got = values.map((_, i) => client.get(`size${i}`));
  expect(await Promise.all(stored)).toEqual(sizes.map(() => true));
  expect((await Promise.all(got)).map(([, value]) => value?.equals(values.shift()!))).toEqual(sizes.map(() => true));
  await expect(client.set("huge", Buffer.alloc(2 * 1024 * 1024))).rejects.toThrow(ServerError);
  expect(await client.set("after", "x")).toBe(true);
  expect(await client.get("after")).toEqual([0, Buffer.from("x")]);
});

it("answers ten thousand pipelined commands in order", async () => {
  const client = await connect();
  await client.set("n", "0");
  const answers = Array.from({ length: 10_000 }, () => client.increment("n"));
  expect(await Promise.all(answers)).toEqual(answers.map((_, i) => i + 1));
});
