// Draws comparisons as SVG on logarithmic axes, for pages in light and in dark.
import { type Comparison, type Contender, contendersOf } from "./comparison.ts";
import { spreadOf } from "./measure.ts";

const labelWidth = 300;
const width = 900;
/** Of a line of marks; a row has one for each contender. */
const lineHeight = 10;
const axisHeight = 44;

/** Contenders differ by shape and by colour. */
const style = `
  text { font: 13px sans-serif; fill: #24292f; } .tick { font-size: 11px; fill: #57606a; }
  .title { font-weight: bold; } .grid { stroke: #d0d7de; }
  .c0 { fill: #0969da; stroke: #0969da; } .c1 { fill: #bc4c00; stroke: #bc4c00; }
  .c2 { fill: #6e7781; stroke: #6e7781; } .c3 { fill: #8250df; stroke: #8250df; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .tick { fill: #9198a1; } .grid { stroke: #30363d; }
    .c0 { fill: #4493f8; stroke: #4493f8; } .c1 { fill: #f0883e; stroke: #f0883e; }
    .c2 { fill: #9198a1; stroke: #9198a1; } .c3 { fill: #a371f7; stroke: #a371f7; }
  }`;

/** Two panels: rates, of which more is better, and latencies, of which less is. */
export function plot(all: readonly Comparison[]): string {
  const rates = all.filter(({ isLessBetter }) => !isLessBetter);
  const latencies = all.filter(({ isLessBetter }) => isLessBetter);
  const shown = contendersOf(all);
  const first = panel(shown, rates, "jobs per second: further right is better", 34);
  const second = panel(shown, latencies, "milliseconds: further left is better", first.bottom + 14);
  const height = second.bottom + 4;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${nounsOf(shown)}: median, least and most of each task</title>`,
    `<style>${style}</style>`,
    ...shown.map(legend),
    ...first.lines,
    ...second.lines,
    "</svg>",
    "",
  ].join("\n");
}

const nounsOf = (names: readonly string[]): string =>
  `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

function legend(contender: Contender, index: number): string {
  const x = labelWidth + index * 150;
  return `${mark(index, x, 14)}<text x="${x + 12}" y="18">${contender}</text>`;
}

interface Panel {
  lines: string[];
  bottom: number;
}

function panel(
  shown: readonly Contender[],
  all: readonly Comparison[],
  title: string,
  top: number,
): Panel {
  const rowHeight = (shown.length + 1) * lineHeight;
  const values = all.flatMap((each) => Object.values(each.values).flat());
  const low = 10 ** Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(...values) * 1.2;
  const scale = (width - labelWidth - 24) / Math.log10(high / low);
  const at = (value: number) => labelWidth + Math.log10(value / low) * scale;
  const begin = top + axisHeight;
  const bottom = begin + all.length * rowHeight;
  const grid = ticks(low, high).map(
    (tick) =>
      `<line class="grid" x1="${fixed(at(tick))}" x2="${fixed(at(tick))}" y1="${begin - 6}" ` +
      `y2="${bottom}"/><text class="tick" text-anchor="middle" x="${fixed(at(tick))}" ` +
      `y="${begin - 10}">${tick.toLocaleString("en")}</text>`,
  );
  const rows = all.map((each, index) => row(shown, each, begin + index * rowHeight, at));
  const heading = `<text class="title" x="${labelWidth}" y="${top + 16}">${title}</text>`;
  return { lines: [heading, ...grid, ...rows], bottom };
}

/** 1, 2 and 5 of each power of ten. */
function ticks(low: number, high: number): number[] {
  const powers = Array.from({ length: 12 }, (_, power) => low * 10 ** power);
  const all = powers.flatMap((power) => [power, 2 * power, 5 * power]);
  return all.filter((tick) => tick <= high);
}

function row(
  shown: readonly Contender[],
  { task, values }: Comparison,
  top: number,
  at: (value: number) => number,
): string {
  const lines = shown.flatMap((contender, index) => {
    const measured = values[contender];
    if (!measured) return [];
    const { median, min, max } = spreadOf(measured);
    const y = top + (index + 1) * lineHeight;
    return [
      `<line class="c${index}" x1="${fixed(at(min))}" x2="${fixed(at(max))}" y1="${y}" y2="${y}"/>`,
      mark(index, at(median), y),
    ];
  });
  const middle = top + ((shown.length + 1) / 2) * lineHeight + 4;
  return [`<text x="4" y="${middle}">${task}</text>`, ...lines].join("\n");
}

function mark(index: number, x: number, y: number): string {
  const points = [
    `<circle class="c0" cx="${fixed(x)}" cy="${y}" r="5"/>`,
    `<rect class="c1" x="${fixed(x - 4)}" y="${y - 4}" width="8" height="8"/>`,
    `<path class="c2" d="M${fixed(x)} ${y - 5}l5 5l-5 5l-5-5z"/>`,
    `<path class="c3" d="M${fixed(x)} ${y - 5}l5 9h-10z"/>`,
  ];
  return points[index] ?? "";
}

const fixed = (value: number): string => value.toFixed(1);
