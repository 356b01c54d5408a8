import { expect, it } from "vitest";
import * as skein from "../../src/entries/index.ts";
import { installedReactor } from "../../src/internet/reactor/installation.ts";

it("exports the common names, without a reactor and without native code", () => {
  expect(skein).toMatchObject({
    Deferred: expect.any(Function),
    Failure: expect.any(Function),
    Factory: expect.any(Function),
    Protocol: expect.any(Function),
    serverFromString: expect.any(Function),
  });
  expect(installedReactor()).toBe(undefined);
  const { sharedObjects } = process.report.getReport() as { sharedObjects: string[] };
  expect(sharedObjects.filter((path) => path.includes("skein.node"))).toEqual([]);
});
