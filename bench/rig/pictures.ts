/** The charts in docs/, made from results. */

import type { EchoAnswer } from "../echo.ts";
import type { ReactorsAnswer } from "../reactors.ts";
import { chart } from "./chart.ts";
import type { GateFile } from "./gate-file.ts";
import type { Machine } from "./machine.ts";
import type { Taken } from "./results.ts";

/** docs/bench.svg: server CPU per message over the floor's, a group per cell. */
export function echoPicture(answer: Taken<EchoAnswer>, machine: Machine, gate: GateFile): string {
  const rounds = answer.cells[0]?.rounds ?? 0;
  return chart({
    title: "Server CPU per message, relative to a plain C++ epoll server",
    lines: [
      `Lower is better. The median of ${rounds} rounds in which all servers took turns.`,
      where(machine, answer.date),
    ],
    baseline: "C++",
    groups: answer.cells.map(({ cell, standings }) => ({
      title: cell.title,
      bars: standings
        .filter(({ peer }) => peer !== "floor")
        .map(({ peer, title, cpuOverFloor }) => ({
          peer,
          title,
          ratio: cpuOverFloor.median,
          target: gate.cpuOverFloor[cell.name]?.[peer],
        })),
    })),
  });
}

/** docs/reactors.svg: each reactor's CPU per message over epoll's, and how much silent connections add to it. */
export function reactorsPicture(answer: Taken<ReactorsAnswer>, machine: Machine): string {
  const rounds = answer.cells[0]?.rounds ?? 0;
  const bar = (peer: string, title: string, ratio: number) => ({ peer, title, ratio, target: undefined });
  return chart({
    title: `Server CPU per message, relative to the ${answer.base} reactor`,
    lines: [
      `Lower is better. The median of ${rounds} rounds in which all reactors took turns.`,
      where(machine, answer.date),
    ],
    baseline: answer.base,
    groups: [
      ...answer.cells.map(({ cell, standings }) => ({
        title: cell.title,
        bars: standings
          .filter(({ peer }) => peer !== answer.base)
          .map(({ peer, title, cpuOverFloor }) => bar(peer, title, cpuOverFloor.median)),
      })),
      {
        title: `${answer.idle} idle connections beside 100 active: over 100 active alone, each reactor over itself`,
        bars: answer.growth.map(({ peer, title, ratio }) => bar(peer, title, ratio.median)),
      },
    ],
  });
}

function where({ processor, node }: Machine, date: string): string {
  return `${processor}, Node ${node}, ${date}`;
}
