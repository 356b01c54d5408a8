/** docs/bench.md: every figure, for reading. */

import type { EchoAnswer } from "../echo.ts";
import type { Growth, ReactorsAnswer } from "../reactors.ts";
import type { Answer, Figure } from "./answer.ts";
import { echoOf, type Results, reactorsOf, type Taken } from "./results.ts";
import type { CellResult, Standing } from "./rounds.ts";

export function page({ machine, answers }: Results): string {
  const echo = echoOf({ machine, answers });
  const reactors = reactorsOf({ machine, answers });
  const others = answers.filter((answer) => answer !== echo && answer !== reactors && answer.rows.length > 0);
  return `${[
    "# Figures",
    "",
    "Made by `npm run bench`; do not edit. `bench/` has a file for every question asked here.",
    "",
    `Taken on ${machine.processor}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}.`,
    ...(echo === undefined ? [] : echoPart(echo)),
    ...(reactors === undefined ? [] : reactorsPart(reactors)),
    ...others.flatMap(otherPart),
  ].join("\n")}\n`;
}

function echoPart(answer: Taken<EchoAnswer>): string[] {
  return [
    "",
    "## What a message costs",
    "",
    "![Server CPU per message, relative to a plain C++ epoll server](bench.svg)",
    "",
    `${[`Taken on ${answer.date}`, ...answer.versions].join(", ")}.`,
    "",
    "**CPU over C++** is the figure to compare: processor time of the whole server process per message, divided by that of",
    "a plain C++ epoll server in the same round; the median over the rounds, with the quartiles around it. All servers of a",
    "table ran at the same time and the load visited them in turn, the server on one core and the load on another. Rates",
    "are often limited by the load's core, and change with whatever else the host does. Differences below 0.1 are noise.",
    ...answer.cells.flatMap((result) => cellPart(result, "C++")),
  ];
}

function reactorsPart(answer: Taken<ReactorsAnswer>): string[] {
  return [
    "",
    "## What a message costs on each reactor",
    "",
    `![Server CPU per message, relative to the ${answer.base} reactor](reactors.svg)`,
    "",
    `Taken on ${answer.date}. The same server, borrowing, on each reactor that this machine has, in one run; ratios are to`,
    `the ${answer.base} reactor.`,
    ...answer.cells.flatMap((result) => cellPart(result, answer.base)),
    ...(answer.growth.length === 0 ? [] : growthPart(answer.idle, answer.growth)),
  ];
}

function growthPart(idle: number, growth: readonly Growth[]): string[] {
  return [
    "",
    `### 100 active connections beside ${grouped(idle)} silent ones`,
    "",
    "| reactor | CPU per message over that of the 100 alone |",
    "|---|--:|",
    ...growth.map(
      ({ title, ratio }) =>
        `| ${title} | **${ratio.median.toFixed(2)}** (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}) |`,
    ),
  ];
}

function cellPart({ cell, rounds, standings }: CellResult, base: string): string[] {
  const message = cell.churn ? "connection" : "message";
  return [
    "",
    `### ${cell.title}`,
    "",
    `| server | CPU over ${base} | CPU µs per ${message} | ${message}s/s | rate over ${base} | p50 µs | p99 µs | p99.9 µs |`,
    "|---|--:|--:|--:|--:|--:|--:|--:|",
    ...standings.map(standingRow),
    "",
    `Rounds: ${rounds}.${disturbance(standings)}`,
  ];
}

function standingRow(s: Standing): string {
  const cpu = s.cpuOverFloor;
  const cells = [
    s.title,
    `**${cpu.median.toFixed(2)}** (${cpu.low.toFixed(2)}–${cpu.high.toFixed(2)})`,
    s.cpuMicrosPerMessage.toFixed(2),
    grouped(s.msgsPerSecond),
    s.rateOverFloor.median.toFixed(2),
    grouped(s.p50Micros),
    grouped(s.p99Micros),
    grouped(s.p999Micros),
  ];
  return `| ${cells.join(" | ")} |`;
}

function disturbance(standings: readonly Standing[]): string {
  const disturbed = standings.reduce((sum, s) => sum + s.disturbed, 0);
  return disturbed === 0 ? "" : ` Something else used more than a tenth of a core during ${disturbed} of the samples.`;
}

function otherPart(answer: Taken<Answer>): string[] {
  return [
    "",
    `## ${answer.name}`,
    "",
    [`Taken on ${answer.date}.`, ...(answer.notes ?? [])].join("\n"),
    "",
    `| | ${answer.unit} |`,
    "|---|--:|",
    ...answer.rows.map(figureRow),
    ...(answer.ratios.length === 0 ? [] : ["", "| | ratio |", "|---|--:|", ...answer.ratios.map(figureRow)]),
  ];
}

function figureRow({ label, value }: Figure): string {
  return `| ${label} | ${Math.abs(value) < 100 ? value.toFixed(2) : grouped(value)} |`;
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
