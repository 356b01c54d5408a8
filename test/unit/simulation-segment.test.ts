import { expect, test } from "vitest";
import { copy, type Segment, SegmentList, SegmentStore } from "../../src/testing/simulation/segment.ts";
import { flow } from "../helpers/flow.ts";

const text = ({ memory, start, length }: Segment) => Buffer.from(memory.subarray(start, start + length)).toString();

test("appended bytes are copied: the writer may reuse its memory at once", () => {
  const list = new SegmentList();
  const bytes = Buffer.from("hello");
  new SegmentStore().append(list, bytes);
  bytes.fill("x");
  expect(text(list.shift())).toBe("hello");
});

test("consecutive writes become one segment, unless a write to another list comes between them", () => {
  const store = new SegmentStore();
  const [list, other] = [new SegmentList(), new SegmentList()];
  store.append(list, Buffer.from("one "));
  store.append(list, Buffer.from("two "));
  store.append(other, Buffer.from("other"));
  store.append(list, Buffer.from("three"));
  expect(list.bytes).toBe(13);
  expect([text(list.shift()), text(list.shift()), list.bytes, list.head]).toEqual(["one two ", "three", 0, undefined]);
});

test("bytes of every size come out as they went in, whatever the size of the reads", () => {
  const store = new SegmentStore();
  for (const size of [1, 64, 65, 4096, 4097, 100_000]) {
    const list = new SegmentList();
    for (let at = 0; at < 300_000; at += size) store.append(list, flow(Math.min(size, 300_000 - at), at));
    const all = Buffer.alloc(300_000);
    let at = 0;
    for (let most = 1; list.head !== undefined; most = (most * 7) % 5003) {
      const { memory, start, length } = list.take(most);
      expect(length).toBeLessThanOrEqual(most);
      copy(memory, start, length, all, at);
      at += length;
    }
    expect(at).toBe(300_000);
    expect(all.equals(flow(300_000))).toBe(true);
  }
});

test("a cleared list is empty", () => {
  const list = new SegmentList();
  new SegmentStore().append(list, Buffer.from("gone"));
  list.clear();
  expect([list.bytes, list.head, list.tail]).toEqual([0, undefined, undefined]);
});
