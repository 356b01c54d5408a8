import { expect, test } from "vitest";
import { EventQueue, Occurrence } from "../../src/testing/simulation/queue.ts";
import { forSeeds } from "../helpers/cases.ts";
import { between } from "../helpers/random.ts";
import { volume } from "../helpers/volume.ts";

class Named extends Occurrence {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }

  override run(): void {}
}

function takeAll(queue: EventQueue, limit = Number.POSITIVE_INFINITY): string[] {
  const names: string[] = [];
  for (let taken = queue.take(limit); taken !== undefined; taken = queue.take(limit)) names.push((taken as Named).name);
  return names;
}

test("occurrences run in time order, and in planning order at the same time", () => {
  const queue = new EventQueue();
  for (const [name, time] of [
    ["c", 2],
    ["a", 1],
    ["d", 2],
    ["b", 1],
  ] as const) {
    queue.plan(new Named(name), time);
  }
  expect(takeAll(queue)).toEqual(["a", "b", "c", "d"]);
  expect(queue.now).toBe(2);
});

test("an occurrence planned for now runs after earlier plans for the same time", () => {
  const queue = new EventQueue();
  queue.plan(new Named("first"), 1);
  queue.plan(new Named("second"), 1);
  expect((queue.take(1) as Named).name).toBe("first");
  queue.plan(new Named("third"), 1);
  queue.plan(new Named("fourth"), 0.5);
  queue.plan(new Named("fifth"), 1.5);
  expect(takeAll(queue)).toEqual(["second", "third", "fourth", "fifth"]);
});

test("nothing later than the limit is taken, and the time does not advance", () => {
  const queue = new EventQueue();
  queue.plan(new Named("late"), 10);
  expect(queue.take(9)).toBeUndefined();
  expect(queue.now).toBe(0);
  expect(takeAll(queue, 10)).toEqual(["late"]);
  expect(queue.now).toBe(10);
});

test("a replanned occurrence runs once, at its new time, and a cancelled one never", () => {
  const queue = new EventQueue();
  const [moved, dropped, hurried] = [new Named("moved"), new Named("dropped"), new Named("hurried")];
  queue.plan(moved, 1);
  queue.plan(dropped, 2);
  queue.plan(hurried, 3);
  queue.plan(new Named("fixed"), 4);
  queue.plan(moved, 5);
  queue.cancel(dropped);
  queue.plan(hurried, 0);
  expect([moved.planned, dropped.planned, hurried.planned]).toEqual([true, false, true]);
  expect(takeAll(queue)).toEqual(["hurried", "fixed", "moved"]);
  expect(moved.planned).toBe(false);
});

test("an occurrence planned for now can be cancelled, postponed, and planned for now again", () => {
  const queue = new EventQueue();
  const [cancelled, later, again] = [new Named("cancelled"), new Named("later"), new Named("again")];
  for (const occurrence of [cancelled, later, again]) queue.plan(occurrence, 0);
  queue.cancel(cancelled);
  queue.plan(later, 1);
  queue.plan(again, 0);
  queue.plan(new Named("last"), 0);
  expect(takeAll(queue)).toEqual(["again", "last", "later"]);
});

test("it agrees with a sorted list for random plans and cancellations", () => {
  forSeeds(volume({ gate: 50, long: 5_000 }), (random) => {
    const queue = new EventQueue();
    const expected: { name: string; time: number; at: number }[] = [];
    for (let i = 0; i < 300; i++) {
      const name = String(i);
      const time = between(random, 0, 40);
      const occurrence = new Named(name);
      queue.plan(occurrence, time);
      if (random() < 0.2) queue.cancel(occurrence);
      else expected.push({ name, time, at: i });
    }
    expected.sort((a, b) => a.time - b.time || a.at - b.at);
    expect(takeAll(queue)).toEqual(expected.map(({ name }) => name));
  });
});

test("keeps at most twice as many entries as there are plans, however many are cancelled or replanned", () => {
  const queue = new EventQueue();
  const things = Array.from({ length: 1000 }, (_, i) => new Named(String(i)));
  for (let i = 0; i < 100; i++) for (const [j, thing] of things.entries()) queue.plan(thing, 1 + j);
  expect(queue.size).toBeLessThanOrEqual(2 * things.length + 1);
  for (const thing of things.slice(1)) queue.cancel(thing);
  expect(queue.size).toBeLessThanOrEqual(64);
  expect(queue.take(10)).toBe(things[0]);
  expect(queue.take(1e6)).toBeUndefined();
});
