/** The bench runs the built package, by paths that no compiler checks. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { SUBJECTS } from "../../bench/amplification.ts";
import { Protocol } from "../../src/internet/protocol.ts";

const root = join(import.meta.dirname, "../..");
const programs = readdirSync(join(root, "bench"), { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(ts|mjs)$/.test(name))
  .map((name) => join("bench", name));

it("every file of dist/ that bench/ imports is built from a file of src/", () => {
  const named = programs.flatMap((program) => {
    const text = readFileSync(join(root, program), "utf8");
    return [...text.matchAll(/\bdist\/([\w/.-]+)\.js\b/g)].map(([, name]) => ({ program, source: `src/${name}.ts` }));
  });
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter(({ source }) => !existsSync(join(root, source)))).toEqual([]);
});

/** Protocols whose cost is that of others. */
const MEASURED_WITH: Readonly<Record<string, string>> = {
  IntNStringReceiver: "its subclasses",
  HAProxyProtocolWrapper: "HAProxyWrappingFactory",
  MemCacheProtocol: "what it asks for",
  ProtocolWrapper: "the protocols that it wraps",
  ShapedTransport: "the protocols that it wraps",
  SpewingProtocol: "the protocols that it wraps",
  ThrottlingProtocol: "the protocols that it wraps",
  TimeoutProtocol: "the protocols that it wraps",
  TrafficLoggingProtocol: "the protocols that it wraps",
  Proxy: "ProxyServer",
  ProxyClient: "ProxyServer",
};

it("every protocol that ships is asked what a hostile peer costs it", async () => {
  const folder = join(root, "src/entries/protocols");
  const shipped: string[] = [];
  for (const file of readdirSync(folder)) {
    const entry = (await import(join(folder, file))) as Record<string, unknown>;
    for (const [name, value] of Object.entries(entry)) {
      if (typeof value === "function" && value.prototype instanceof Protocol) shipped.push(name);
    }
  }
  expect(shipped.length).toBeGreaterThan(20);
  const asked = new Set([...SUBJECTS.map(({ name }) => name), ...Object.keys(MEASURED_WITH)]);
  expect(shipped.filter((name) => !asked.has(name))).toEqual([]);
  expect(Object.keys(MEASURED_WITH).filter((name) => !shipped.includes(name))).toEqual([]);
});
