import { type Content, html, type Html } from "../html.ts";
import type { AxisTick } from "./axis.ts";

/** All charts have this width, in the units of their coordinates. */
export const chartWidth = 860;

/** The area of a chart within its axes. */
export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A coordinate with one decimal: more would only be longer. */
export const px = (n: number): string => String(Math.round(n * 10) / 10);

/** A drawing with a title for readers that do not see it. */
export const svg = (height: number, title: string, content: Content): Html =>
  html`<svg viewBox="0 0 ${chartWidth} ${px(height)}" role="img" aria-label="${title}">
    ${content}
  </svg>`;

/** Lines across the area at the ticks, with labels on the left. */
export const yAxis = ({ left, top, width, height }: Area, ticks: readonly AxisTick[]): Content =>
  ticks.map(({ at, label }) => {
    const y = px(top + height * (1 - at));
    return html`<line
        class="grid"
        x1="${px(left)}"
        x2="${px(left + width)}"
        y1="${y}"
        y2="${y}"
      /><text class="tick" x="${px(left - 8)}" y="${y}" dy=".32em" text-anchor="end"
        >${label}</text
      >`;
  });

/** A line across the area at a coordinate, with a label above it. */
export const mark = (
  { top, height }: Area,
  x: number,
  label: string,
  anchor: "start" | "middle" | "end",
): Content =>
  html`<line class="mark" x1="${px(x)}" x2="${px(x)}" y1="${top - 8}" y2="${top + height}" /><text
      class="tick"
      x="${px(x)}"
      y="${top - 13}"
      text-anchor="${anchor}"
      >${label}</text
    >`;

/** Short lines below the area at the ticks, with labels. */
export const xAxis = ({ left, top, width, height }: Area, ticks: readonly AxisTick[]): Content => [
  html`<line
    class="axis"
    x1="${px(left)}"
    x2="${px(left + width)}"
    y1="${px(top + height)}"
    y2="${px(top + height)}"
  />`,
  ticks.map(({ at, label }) => {
    const x = px(left + width * at);
    const y = top + height;
    // A label in the middle of the last tick would be cut off.
    const anchor = at > 0.97 ? "end" : at < 0.02 ? "start" : "middle";
    return html`<line class="axis" x1="${x}" x2="${x}" y1="${px(y)}" y2="${px(y + 5)}" /><text
        class="tick"
        x="${x}"
        y="${px(y + 18)}"
        text-anchor="${anchor}"
        >${label}</text
      >`;
  }),
];

/** A part of a bar; parts are drawn from the bottom up. */
export interface BarPart {
  className: string;
  value: number;
}

/** A bar of several parts, from x to x + width, with a text that is shown on hover. */
export function stackedBar(
  { top, height }: Pick<Area, "top" | "height">,
  { x, width, end, title }: { x: number; width: number; end: number; title: string },
  parts: readonly BarPart[],
): Content {
  if (parts.every(({ value }) => value === 0)) return null;
  let base = top + height;
  const rects = parts.map(({ className, value }) => {
    if (value === 0) return null;
    // A single failure among thousands must not vanish.
    const size = Math.max((value / end) * height, 1.2);
    base -= size;
    return html`<rect
      class="${className}"
      x="${px(x)}"
      y="${px(base)}"
      width="${px(width)}"
      height="${px(size)}"
    />`;
  });
  return html`<g>${rects}<title>${title}</title></g>`;
}
