/**
 * docs/bench.svg: bars of server CPU per message over the floor's, a group per cell. One picture for light and dark: the
 * bars' colours stand on both, text and lines follow the reader's scheme.
 */

import type { EchoAnswer } from "../echo.ts";
import type { GateFile } from "./gate-file.ts";
import type { Machine } from "./machine.ts";
import type { CellResult, Standing } from "./rounds.ts";

const width = 860;
const barsFrom = 130;
const barsTo = 800;
const headerHeight = 100;
const groupHeading = 24;
const rowHeight = 17;
const barHeight = 11;
const groupGap = 12;

/** Each is at least three to one against white and against a dark page. */
const colours: Readonly<Record<string, string>> = {
  "skein-borrowing": "#1a9850",
  "skein-owning": "#4fa871",
  bun: "#d0609f",
  net: "#b98512",
  "net-corked": "#b98512",
  twisted: "#8069d6",
};
const otherColour = "#7d8590";

const style = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .cell { font-weight: 600 }
  .faint { fill: #59636e }
  .value { font-variant-numeric: tabular-nums }
  .name { text-anchor: end }
  .middle { text-anchor: middle }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .floor { stroke: #59636e; stroke-width: 1.5 }
  .target { stroke: #1f2328; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .faint { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .floor { stroke: #9198a1 }
    .target { stroke: #f0f6fc }
  }`;

export function chart(answer: EchoAnswer, machine: Machine, date: string, gate: GateFile): string {
  const groups = answer.cells.map((result) => ({ result, bars: result.standings.filter((s) => s.peer !== "floor") }));
  const longest = Math.max(...groups.flatMap(({ bars }) => bars.map((bar) => bar.cpuOverFloor.median)), 2);
  const end = Math.ceil(longest * 2) / 2;
  const x = (ratio: number) => barsFrom + (ratio / end) * (barsTo - barsFrom);
  const parts: string[] = [];
  let y = headerHeight;
  for (const { result, bars } of groups) {
    const barsTop = y + groupHeading;
    parts.push(gridLines(end, barsTop - 3, barsTop + bars.length * rowHeight - 3, x));
    parts.push(group(result, bars, y, x, gate));
    y += groupHeading + bars.length * rowHeight + groupGap;
  }
  const height = y;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    "<title>Server CPU per message, relative to a plain C++ epoll server</title>",
    `<style>${style}\n</style>`,
    header(answer, machine, date),
    axis(end, x),
    ...parts,
    "</svg>",
  ].join("\n")}\n`;
}

function header(answer: EchoAnswer, machine: Machine, date: string): string {
  const rounds = answer.cells[0]?.rounds ?? 0;
  const legend = width - 98;
  return [
    `<text class="title" x="12" y="24">Server CPU per message, relative to a plain C++ epoll server</text>`,
    `<text class="faint" x="12" y="44">Lower is better. The median of ${rounds} rounds in which all servers took turns.</text>`,
    `<text class="faint" x="12" y="62">${escaped(machine.processor)}, Node ${machine.node}, ${date}</text>`,
    `<line class="target" x1="${legend}" x2="${legend}" y1="12" y2="27"/>`,
    `<text class="faint" x="${legend + 7}" y="24">Skein's target</text>`,
  ].join("\n");
}

function axis(end: number, x: (ratio: number) => number): string {
  return whole(end)
    .map((ratio) => {
      const label = ratio === 1 ? "1 = C++" : String(ratio);
      return `<text class="faint middle" x="${x(ratio).toFixed(1)}" y="${headerHeight - 10}">${label}</text>`;
    })
    .join("");
}

/** Behind the bars only, so that no line runs through a heading. */
function gridLines(end: number, from: number, to: number, x: (ratio: number) => number): string {
  return whole(end)
    .map((ratio) => {
      const at = x(ratio).toFixed(1);
      return `<line class="${ratio === 1 ? "floor" : "grid"}" x1="${at}" x2="${at}" y1="${from}" y2="${to}"/>`;
    })
    .join("");
}

function whole(end: number): number[] {
  return Array.from({ length: Math.floor(end) + 1 }, (_, ratio) => ratio);
}

function group(
  { cell }: CellResult,
  bars: readonly Standing[],
  top: number,
  x: (ratio: number) => number,
  gate: GateFile,
): string {
  const rows = bars.map((bar, i) => {
    const y = top + groupHeading + i * rowHeight;
    const ratio = bar.cpuOverFloor.median;
    const target = gate.cpuOverFloor[cell.name]?.[bar.peer];
    const baseline = y + barHeight - 1;
    const past = Math.max(ratio, target ?? 0, 1);
    return [
      `<text class="name" x="${barsFrom - 8}" y="${baseline}">${escaped(bar.title)}</text>`,
      `<rect x="${barsFrom}" y="${y}" width="${(x(ratio) - barsFrom).toFixed(1)}" height="${barHeight}" rx="2" fill="${colours[bar.peer] ?? otherColour}"/>`,
      target === undefined
        ? ""
        : `<line class="target" x1="${x(target).toFixed(1)}" x2="${x(target).toFixed(1)}" y1="${y - 2}" y2="${y + barHeight + 2}"/>`,
      `<text class="value" x="${(x(past) + 7).toFixed(1)}" y="${baseline}">${ratio.toFixed(2)}</text>`,
    ].join("");
  });
  return [`<text class="cell" x="12" y="${top + 14}">${escaped(cell.title)}</text>`, ...rows].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
