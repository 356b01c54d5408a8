/**
 * What does a Deferred cost beside a promise, inlineCallbacks beside async, and does a link cost the same in a chain of
 * a thousand and of a million? A thousand fit into the processor's cache and a million do not: hence also a million in
 * one chain beside a million in a thousand chains, which need the same memory, and how much dearer promises get.
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Answer, Figure, Progress } from "./rig/answer.ts";
import { root } from "./rig/root.ts";
import { median } from "./rig/statistics.ts";

const { Deferred, inlineCallbacks, succeed } = (await import(
  pathToFileURL(join(root, "dist/entries/defer.js")).href
)) as typeof import("../src/entries/defer.ts");

const rounds = 31;
const chainsPerRound = 50_000;
/** Promises settle in microtasks, which are drained after so many chains. */
const chainsPerDrain = 50;

export async function run(progress: Progress): Promise<Answer> {
  const rows: Figure[] = [];
  const ratios: Figure[] = [];
  const time = (label: string, value: number): void => {
    rows.push({ label, value });
    progress(`deferred-chain ${label}: ${value.toFixed(1)} ns`);
  };
  const ratio = (label: string, value: number): void => {
    ratios.push({ label, value });
    progress(`deferred-chain ${label}: ${value.toFixed(2)}`);
  };

  const { deferred, promise } = await compare();
  time("Deferred: new, 3 callbacks, fire", median(deferred));
  time("Promise: new, 3 then, resolve, drain", median(promise));
  ratio("Deferred over Promise", median(deferred.map((value, i) => value / promise[i]!)));

  const { inline, asynchronous } = await compareWaits();
  time("inlineCallbacks: 10 yields of fired Deferreds", median(inline));
  time("async: 10 awaits of settled promises", median(asynchronous));
  ratio("inlineCallbacks over async", median(inline.map((value, i) => value / asynchronous[i]!)));

  for (const links of [1e3, 1e4, 1e5, 1e6]) time(`a link of ${links}`, await perLink(links, chain));
  for (const links of [1e3, 1e6]) time(`a promise's link of ${links}`, await perLink(links, promiseChain));
  for (const nested of [innerFirst, outerFirst]) time(`${nested.name}, one of 100000`, await perLink(1e5, nested));
  const figure = (label: string): number => rows.find((row) => row.label === label)!.value;
  for (const link of ["a link", "a promise's link"]) {
    ratio(`${link} of 1000000 over one of 1000`, figure(`${link} of 1000000`) / figure(`${link} of 1000`));
  }
  ratio("a million links in one chain over a thousand", lengthAlone());
  return { name: "deferred-chain", unit: "ns", rows, ratios };
}

let seen = 0;
const first = (value: number): number => value + 1;
const second = (value: number): number => value + 2;
const third = (value: number): number => {
  seen += value;
  return value;
};

function deferreds(): void {
  for (let i = 0; i < chainsPerRound; i++) {
    const d = new Deferred<number>();
    d.addCallback(first);
    d.addCallback(second);
    d.addCallback(third);
    d.callback(i);
  }
}

async function promises(): Promise<void> {
  for (let i = 0; i < chainsPerRound; ) {
    let last: Promise<number> | undefined;
    for (let end = i + chainsPerDrain; i < end; i++) {
      let resolve: (value: number) => void = third;
      last = new Promise<number>((settle) => {
        resolve = settle;
      })
        .then(first)
        .then(second)
        .then(third);
      resolve(i);
    }
    await last;
  }
}

/** Nanoseconds a chain, round by round, so that what disturbs the machine disturbs both. */
async function compare(): Promise<{ deferred: number[]; promise: number[] }> {
  const deferred: number[] = [];
  const promise: number[] = [];
  const warmUp = 5;
  for (let round = -warmUp; round < rounds; round++) {
    const begin = performance.now();
    deferreds();
    const middle = performance.now();
    await promises();
    const end = performance.now();
    if (round < 0) continue;
    deferred.push(((middle - begin) * 1e6) / chainsPerRound);
    promise.push(((end - middle) * 1e6) / chainsPerRound);
  }
  if (seen === 0) throw new Error("No callback ran.");
  return { deferred, promise };
}

const callsPerRound = 5000;
const waits = 10;

const inlineSum = inlineCallbacks(function* () {
  let sum = 0;
  for (let i = 0; i < waits; i++) sum += yield succeed(i);
  return sum;
});

async function asyncSum(): Promise<number> {
  let sum = 0;
  for (let i = 0; i < waits; i++) sum += await Promise.resolve(i);
  return sum;
}

/** The same for functions that wait ten times for what is there already. */
async function compareWaits(): Promise<{ inline: number[]; asynchronous: number[] }> {
  const inline: number[] = [];
  const asynchronous: number[] = [];
  const warmUp = 5;
  for (let round = -warmUp; round < rounds; round++) {
    const begin = performance.now();
    for (let i = 0; i < callsPerRound; i++) inlineSum().addCallback(third);
    const middle = performance.now();
    for (let i = 0; i < callsPerRound; ) {
      let last: Promise<number> | undefined;
      for (let end = i + chainsPerDrain; i < end; i++) last = asyncSum().then(third);
      await last;
    }
    const end = performance.now();
    if (round < 0) continue;
    inline.push(((middle - begin) * 1e6) / callsPerRound);
    asynchronous.push(((end - middle) * 1e6) / callsPerRound);
  }
  return { inline, asynchronous };
}

/** Nanoseconds for each of `count`, the median of a few runs, once the code is compiled. */
async function perLink(count: number, work: (count: number) => number | Promise<number>): Promise<number> {
  for (let i = 0; i < 2e5 / count; i++) await work(count);
  const runs: number[] = [];
  for (let i = 0; i < Math.max(5, 2e5 / count); i++) {
    const begin = performance.now();
    const result = await work(count);
    const took = performance.now() - begin;
    if (result !== count) throw new Error(`${work.name} of ${count} came to ${result}.`);
    runs.push((took * 1e6) / count);
  }
  return median(runs);
}

function chain(count: number): number {
  return chains(1, count);
}

/** What `count` chains of `length` links come to together, all made before the first is fired. */
function chains(count: number, length: number): number {
  let result = 0;
  const made = Array.from({ length: count }, () => {
    const d = new Deferred<number>();
    for (let i = 0; i < length; i++) d.addCallback(first);
    d.addCallback((value) => {
      result += value;
    });
    return d;
  });
  for (const d of made) d.callback(0);
  return result;
}

async function promiseChain(count: number): Promise<number> {
  let last = Promise.resolve(0);
  for (let i = 0; i < count; i++) last = last.then(first);
  return last;
}

/** What a million links take in one chain, over what they take in a thousand chains of a thousand. */
function lengthAlone(): number {
  const ratios: number[] = [];
  const warmUp = 2;
  for (let round = -warmUp; round < 9; round++) {
    const begin = performance.now();
    chains(1, 1e6);
    const middle = performance.now();
    chains(1e3, 1e3);
    const end = performance.now();
    if (round >= 0) ratios.push((middle - begin) / (end - middle));
  }
  return median(ratios);
}

/** Each callback returns the next Deferred, which has fired already. */
function innerFirst(count: number): number {
  let inner = succeed(0);
  for (let i = 0; i < count; i++) {
    const next = inner;
    inner = succeed(0)
      .addCallback(() => next)
      .addCallback(first);
  }
  let result = -1;
  inner.addCallback((value) => {
    result = value;
  });
  return result;
}

/** Each callback returns the next Deferred, which fires last of all. */
function outerFirst(count: number): number {
  let result = -1;
  const innermost = new Deferred<number>();
  let inner = innermost;
  for (let i = 0; i < count; i++) {
    const next = inner;
    inner = succeed(0)
      .addCallback(() => next)
      .addCallback(first);
  }
  inner.addCallback((value) => {
    result = value;
  });
  innermost.callback(0);
  return result;
}

if (process.argv[1] === import.meta.filename) {
  const { rows, ratios } = await run(() => {});
  for (const { label, value } of rows) console.log(`${label}: ${value.toFixed(1)} ns`);
  for (const { label, value } of ratios) console.log(`${label}: ${value.toFixed(2)}`);
}
