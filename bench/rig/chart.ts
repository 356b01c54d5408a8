/**
 * Bars of ratios, in groups. One picture for light and dark: the bars' colours stand on both, text and lines follow the
 * reader's scheme.
 */

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
  epoll: "#1a9850",
  io_uring: "#d0609f",
  kqueue: "#4fa871",
  iocp: "#4fa871",
  poll: "#b98512",
  select: "#8069d6",
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

/** What a bar shows. */
export interface Bar {
  /** What it is coloured by. */
  readonly peer: string;
  readonly title: string;
  readonly ratio: number;
  readonly target: number | undefined;
}

export interface Picture {
  readonly title: string;
  /** Under the title. */
  readonly lines: readonly string[];
  /** What a ratio of 1 is. */
  readonly baseline: string;
  readonly groups: readonly { readonly title: string; readonly bars: readonly Bar[] }[];
}

export function chart(picture: Picture): string {
  const bars = picture.groups.flatMap((group) => group.bars);
  const end = Math.ceil(Math.max(...bars.map(({ ratio }) => ratio), 2) * 2) / 2;
  const x = (ratio: number) => barsFrom + (ratio / end) * (barsTo - barsFrom);
  const parts: string[] = [];
  let y = headerHeight;
  for (const { title, bars } of picture.groups) {
    const barsTop = y + groupHeading;
    parts.push(gridLines(end, barsTop - 3, barsTop + bars.length * rowHeight - 3, x));
    parts.push(group(title, bars, y, x));
    y += groupHeading + bars.length * rowHeight + groupGap;
  }
  const height = y;
  const targets = bars.some(({ target }) => target !== undefined);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(picture.title)}</title>`,
    `<style>${style}\n</style>`,
    header(picture, targets),
    axis(end, x, picture.baseline),
    ...parts,
    "</svg>",
  ].join("\n")}\n`;
}

function header({ title, lines }: Picture, targets: boolean): string {
  const legend = width - 98;
  return [
    `<text class="title" x="12" y="24">${escaped(title)}</text>`,
    ...lines.map((line, i) => `<text class="faint" x="12" y="${44 + 18 * i}">${escaped(line)}</text>`),
    ...(targets
      ? [
          `<line class="target" x1="${legend}" x2="${legend}" y1="12" y2="27"/>`,
          `<text class="faint" x="${legend + 7}" y="24">Skein's target</text>`,
        ]
      : []),
  ].join("\n");
}

function axis(end: number, x: (ratio: number) => number, baseline: string): string {
  return whole(end)
    .map((ratio) => {
      const label = ratio === 1 ? `1 = ${baseline}` : String(ratio);
      return `<text class="faint middle" x="${x(ratio).toFixed(1)}" y="${headerHeight - 10}">${escaped(label)}</text>`;
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

function group(title: string, bars: readonly Bar[], top: number, x: (ratio: number) => number): string {
  const rows = bars.map(({ peer, title, ratio, target }, i) => {
    const y = top + groupHeading + i * rowHeight;
    const baseline = y + barHeight - 1;
    const past = Math.max(ratio, target ?? 0, 1);
    return [
      `<text class="name" x="${barsFrom - 8}" y="${baseline}">${escaped(title)}</text>`,
      `<rect x="${barsFrom}" y="${y}" width="${(x(ratio) - barsFrom).toFixed(1)}" height="${barHeight}" rx="2" fill="${colours[peer] ?? otherColour}"/>`,
      target === undefined
        ? ""
        : `<line class="target" x1="${x(target).toFixed(1)}" x2="${x(target).toFixed(1)}" y1="${y - 2}" y2="${y + barHeight + 2}"/>`,
      `<text class="value" x="${(x(past) + 7).toFixed(1)}" y="${baseline}">${ratio.toFixed(2)}</text>`,
    ].join("");
  });
  return [`<text class="cell" x="12" y="${top + 14}">${escaped(title)}</text>`, ...rows].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
