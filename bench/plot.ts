// A plot of ratios as SVG, for pages in light and in dark.
import { spreadOf } from "./measure.ts";
import { type Check, verdictOf } from "./result.ts";

const labelWidth = 330;
const width = 900;
const rowHeight = 26;

/** Colours follow the reader's choice; met and missed differ by shape, too. */
const style = `
  text { font: 13px sans-serif; fill: #24292f; }
  .axis { stroke: #8c959f; } .bar { fill: #54aeff; } .missed { fill: #fb8f44; }
  .spread { stroke: #24292f; } .target { stroke: #cf222e; stroke-dasharray: 3 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .spread { stroke: #e6edf3; } .bar { fill: #1f6feb; }
    .missed { fill: #db6d28; } .target { stroke: #ff7b72; }
  }`;

/** One bar for each ratio, with its least and most as a line, and its target as a dashed one. */
export function plot(ratios: readonly (Check & { case: string })[]): string {
  const most = Math.max(1, ...ratios.flatMap(({ values }) => values));
  const at = (ratio: number) => labelWidth + (ratio / most) * (width - labelWidth - 60);
  const bars = ratios.map((ratio, place) => bar(ratio, 10 + place * rowHeight, at));
  const height = 20 + ratios.length * rowHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    "<title>PDOFlow against others: ratios, with least and most, and targets</title>",
    `<style>${style}</style>`,
    `<line class="axis" x1="${at(1)}" x2="${at(1)}" y1="4" y2="${height - 4}"/>`,
    ...bars,
    "</svg>",
    "",
  ].join("\n");
}

function bar(ratio: Check & { case: string }, y: number, at: (ratio: number) => number): string {
  const { median, min, max } = spreadOf(ratio.values);
  const isMissed = verdictOf(ratio) === "missed";
  const { bound } = ratio;
  const target =
    bound === null ? null : "atLeast" in bound ? bound.atLeast : Object.values(bound)[0];
  const middle = y + rowHeight / 2 - 3;
  const x = (value: number) => at(value).toFixed(1);
  return [
    `<text x="4" y="${y + 14}">${escape(`${ratio.case}: ${ratio.name}`)}</text>`,
    `<rect class="bar${isMissed ? " missed" : ""}" x="${labelWidth}" y="${y + 3}" height="14"`,
    `  width="${(at(median) - labelWidth).toFixed(1)}"/>`,
    `<line class="spread" x1="${x(min)}" x2="${x(max)}" y1="${middle}" y2="${middle}"/>`,
    target === null || target === undefined
      ? ""
      : `<line class="target" x1="${x(target)}" x2="${x(target)}" y1="${y}" y2="${y + 20}"/>`,
    `<text x="${(Math.max(at(max), at(median)) + 6).toFixed(1)}" y="${y + 14}">` +
      `${median.toFixed(2)} x${isMissed ? " ✗" : ""}</text>`,
  ].join("\n");
}

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
