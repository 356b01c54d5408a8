/** A program that wipes what it gave leaves no readable key and no passphrase in the memory of its process. */
import { expect, test } from "vitest";
import { runNode } from "./child.ts";

test.each(["epoll/pollable", "node"])("of %s", async (engine) => {
  const { output, ...ended } = await runNode(import.meta.url, "tls-memory.mjs", [engine]);
  expect(ended).toEqual({ code: 0, signal: null, complaints: "" });
  expect(JSON.parse(output)).toEqual({ passphrase: 0, pem: 0 });
});
