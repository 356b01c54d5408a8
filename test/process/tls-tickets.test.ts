/** Sessions go from one worker or process to another that has the same keys for tickets, and to no other. */
import { describe, expect, test } from "vitest";
import { runNode } from "./child.ts";

const VERSIONS = ["TLSv1.2", "TLSv1.3"];

/** What the connections of a client were that went to these servers. */
interface Visits {
  readonly sameKeys: string;
  readonly otherKeys: string;
  readonly rotation: string;
  readonly rotationMissed: string;
}

/** Each server is in a worker or a process of its own. */
async function visits(engine: string, place: string, version: string): Promise<Visits> {
  const { output, ...ended } = await runNode(import.meta.url, "tls-tickets.mjs", [engine, place, version]);
  expect(ended).toEqual({ code: 0, signal: null, complaints: "" });
  const [sameKeys = "", otherKeys = "", rotation = "", rotationMissed = ""] = output.split("\n");
  return { sameKeys, otherKeys, rotation, rotationMissed };
}

describe.each(["worker", "process"])("between servers that are each in a %s of its own", (place) => {
  test.each(VERSIONS)(
    "%s sessions are resumed with shared keys only, and rotation seals them anew",
    async (version) => {
      expect(await visits("epoll/pollable", place, version)).toEqual({
        sameKeys: "full, resumed, resumed",
        otherKeys: "full, full",
        rotation: "full, resumed, resumed",
        rotationMissed: "full, full",
      });
    },
  );

  // node:tls has one key, so none that only opens, and its server gives those that resume no further ticket: of TLS 1.2 a
  // client has one, of TLS 1.3 two.
  test.each(VERSIONS)("%s sessions of node:tls are resumed with the same first key only", async (version) => {
    expect(await visits("node", place, version)).toEqual({
      sameKeys: version === "TLSv1.3" ? "full, resumed, resumed" : "full, resumed, full",
      otherKeys: "full, full",
      rotation: "full, full, resumed",
      rotationMissed: "full, full",
    });
  });
});
