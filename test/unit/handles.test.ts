/** The handles that the engines in TypeScript give out; those of the native one are in native/test/handle_table_test.cc. */
import { describe, expect, test } from "vitest";
import { HandleTable } from "../../src/internet/engine/handles.ts";

const slotOf = (handle: number) => handle & ((1 << 20) - 1);
const item = () => ({ handle: -1 });

describe("handles of an engine in TypeScript", () => {
  test("the slot that has been free for longest is reused next", () => {
    const table = new HandleTable<{ handle: number }>();
    const handles = Array.from({ length: 6 }, () => table.add(item()));
    for (const i of [4, 0, 3]) table.release(handles[i]!);
    table.reclaim();
    const given = Array.from({ length: 4 }, () => slotOf(table.add(item())));
    expect(given).toEqual([4, 0, 3, 6]);
  });

  test("a stale handle finds nothing, and no slot is free before the batch has ended", () => {
    const table = new HandleTable<{ handle: number }>();
    const first = item();
    const handle = table.add(first);
    table.release(handle);
    expect(table.find(handle)).toBe(first);
    expect(slotOf(table.add(item()))).not.toBe(slotOf(handle));
    table.reclaim();
    expect(table.find(handle)).toBeUndefined();
    expect(table.add(item())).not.toBe(handle);
  });

  test("a handle of 100 free slots repeats only after all generations", () => {
    const table = new HandleTable<{ handle: number }>();
    const handles = Array.from({ length: 100 }, () => table.add(item()));
    for (const handle of handles) table.release(handle);
    table.reclaim();
    const seen = new Set(handles);
    let reuses = 0;
    let handle: number;
    do {
      handle = table.add(item());
      table.release(handle);
      table.reclaim();
      reuses++;
    } while (seen.size < seen.add(handle).size);
    expect(reuses).toBe(100 * 2047 + 1);
  });
});
