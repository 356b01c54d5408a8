/** Who goes when more wait than may. */
import { describe, expect, it } from "vitest";
import { Waiting } from "../../src/protocols/policies/waiting.ts";
import { seeded } from "../helpers/random.ts";
import { seed } from "../helpers/volume.ts";

const OPERATIONS = 5000;
const PEERS = 9;
const MOST = 20;

describe("Waiting", () => {
  it("has no surplus as long as no more wait than may", () => {
    const waiting = new Waiting<string>(2);
    expect(waiting.surplus()).toBeUndefined();
    waiting.add("a", "192.0.2.1");
    waiting.add("b", "192.0.2.1");
    expect([waiting.size, waiting.surplus()]).toEqual([2, undefined]);
  });

  it("names the oldest of the peer that has most, however old others are", () => {
    const waiting = new Waiting<string>(3);
    waiting.add("honest", "192.0.2.1");
    for (const one of ["m1", "m2", "m3"]) waiting.add(one, "192.0.2.2");
    expect([waiting.surplus(), waiting.hasMost("m3"), waiting.hasMost("honest")]).toEqual(["m1", true, false]);
    waiting.delete("m1");
    expect([waiting.size, waiting.surplus()]).toEqual([3, undefined]);
  });

  it("counts the addresses of one /64 network as one peer", () => {
    const waiting = new Waiting<string>(2);
    waiting.add("honest", "2001:db8:0:1::1");
    waiting.add("m1", "2001:db8:0:2::1");
    waiting.add("m2", "2001:db8:0:2::2");
    expect(waiting.surplus()).toBe("m1");
  });

  it("ignores the deletion of one that does not wait", () => {
    const waiting = new Waiting<string>(1);
    waiting.add("a", "192.0.2.1");
    waiting.delete("b");
    waiting.delete("a");
    waiting.delete("a");
    expect(waiting.size).toBe(0);
    waiting.add("c", "192.0.2.1");
    expect([waiting.size, waiting.hasMost("c")]).toEqual([1, true]);
  });

  it("agrees with counting anew, whatever comes and goes", () => {
    const random = seeded(seed());
    const below = (n: number) => Math.floor(random() * n);
    const waiting = new Waiting<number>(MOST);
    const model = new Map<number, string>();
    for (let one = 0; one < OPERATIONS; one++) {
      if (random() < 0.52) {
        // A few peers have most of them.
        const host = `192.0.2.${below(1 + below(PEERS))}`;
        waiting.add(one, host);
        model.set(one, host);
      } else {
        const gone = [...model.keys()][below(model.size)];
        if (gone !== undefined) {
          waiting.delete(gone);
          model.delete(gone);
        }
      }
      const crowds = new Map<string, number[]>();
      for (const [each, host] of model) crowds.set(host, [...(crowds.get(host) ?? []), each]);
      const most = Math.max(0, ...[...crowds.values()].map(({ length }) => length));
      const heaviest = [...crowds.values()].filter(({ length }) => length === most);
      for (const crowd of crowds.values()) expect(waiting.hasMost(crowd.at(-1)!)).toBe(crowd.length === most);
      expect(waiting.size).toBe(model.size);
      const surplus = waiting.surplus();
      if (model.size <= MOST) {
        expect(surplus).toBeUndefined();
        continue;
      }
      expect(heaviest.map(([oldest]) => oldest)).toContain(surplus);
      waiting.delete(surplus!);
      model.delete(surplus!);
    }
  });
});
