import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { Kind, Trace } from "../../src/testing/simulation/trace.ts";

function filled(count: number): Trace {
  const trace = new Trace();
  for (let i = 0; i < count; i++) trace.add(i, Kind.DATA, i, i, i);
  return trace;
}

test("the hash of an empty trace is SHA-256 of no bytes", () => {
  expect(new Trace().digest()).toBe(createHash("sha256").digest("hex"));
});

test("the hash depends on the records only, not on when it is read", () => {
  for (const count of [1, 4095, 4096, 4097, 10_000]) {
    const trace = new Trace();
    for (let i = 0; i < count; i++) {
      trace.add(i, Kind.DATA, i, i, i);
      if (i % 1000 === 95) trace.digest();
    }
    expect(trace.digest()).toBe(filled(count).digest());
    expect(trace.digest()).toBe(trace.digest());
  }
  expect(filled(4096).digest()).not.toBe(filled(4097).digest());
});

test("every part of a record affects the hash", () => {
  const hashes = [
    [1, Kind.DATA, 1, 1, 1, ""],
    [2, Kind.DATA, 1, 1, 1, ""],
    [1, Kind.EOF, 1, 1, 1, ""],
    [1, Kind.DATA, 2, 1, 1, ""],
    [1, Kind.DATA, 1, 2, 1, ""],
    [1, Kind.DATA, 1, 1, 2, ""],
    [1, Kind.DATA, 1, 1, 1, "text"],
  ].map((record) => {
    const trace = new Trace();
    trace.add(...(record as [number, number, number, number, number, string]));
    return trace.digest();
  });
  expect(new Set(hashes).size).toBe(hashes.length);
});

test("the latest records can be read, also across the end of the ring buffer", () => {
  const trace = filled(4100);
  expect(trace.latest(6)).toEqual([
    "4094.000000 data #2047 4094 bytes 00000ffe",
    "4095.000000 data #2047' 4095 bytes 00000fff",
    "4096.000000 data #2048 4096 bytes 00001000",
    "4097.000000 data #2048' 4097 bytes 00001001",
    "4098.000000 data #2049 4098 bytes 00001002",
    "4099.000000 data #2049' 4099 bytes 00001003",
  ]);
  expect(trace.latest(5000)).toHaveLength(4096);
  expect(filled(3).latest(10)).toHaveLength(3);
  expect(new Trace().latest(10)).toEqual([]);
});

test("each kind has a text, which the listener gets at once", () => {
  const lines: string[] = [];
  const trace = new Trace((line) => lines.push(line));
  trace.add(0, Kind.CONNECT, 2, 0, 0, "10.0.0.2:32769 > 10.0.0.1:7");
  trace.add(0.5, Kind.ACCEPT, 3, 0, 0, "10.0.0.1:7");
  trace.add(1, Kind.CONNECTED, 2, 0, 0);
  trace.add(1, Kind.CONNECTED, 4, 111, 0);
  trace.add(2, Kind.EOF, 2, 0, 0);
  trace.add(2, Kind.SHUT, 3, 0, 0);
  trace.add(3, Kind.CLOSED, 2, 0, 0);
  trace.add(3, Kind.CLOSED, 3, 104, 2);
  trace.add(4, Kind.TIMER, 1, 0, 0);
  trace.add(5, Kind.FAULT, 0, 0, 0, "crash server");
  trace.note(6, "hello");
  expect(lines).toEqual([
    "0.000000 connect #1 10.0.0.2:32769 > 10.0.0.1:7",
    "0.500000 accept #1' 10.0.0.1:7",
    "1.000000 connected #1",
    "1.000000 connected #2 ECONNREFUSED",
    "2.000000 eof #1",
    "2.000000 shut #1'",
    "3.000000 closed #1 flushed",
    "3.000000 closed #1' error ECONNRESET",
    "4.000000 timer host 1",
    "5.000000 fault crash server",
    "6.000000 log hello",
  ]);
});
