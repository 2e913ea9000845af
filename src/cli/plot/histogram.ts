import { areaPlot } from "../../../tui/draw/plot.ts";
import { framed, marginOf, type PlotStyle } from "./framed.ts";
import { type Scale, scaleOf, stepsOf, ticksOf } from "./scale.ts";

/** Counts of values in equal parts of a scale. */
export interface Bins {
  /** A scale whose steps are the parts: from each to before the next. */
  scale: Scale;
  counts: number[];
}

/** Empty bins for values between two: about the root of their number, at most `most` and two. */
export function binsFor(range: { least: number; most: number; count: number }, most: number): Bins {
  const wanted = Math.min(most, Math.max(16, Math.ceil(Math.sqrt(range.count))));
  const scale = scaleOf(range.least, range.most, wanted);
  // The last part contains the greatest value, also one that is a multiple of the step.
  const to = Math.max(scale.to, stepsOf(range.most, scale.step) + 1);
  return {
    scale: { ...scale, to },
    counts: Array.from({ length: to - scale.from }, () => 0),
  };
}

export function countIn({ scale, counts }: Bins, value: number): void {
  const bin = stepsOf(value, scale.step) - scale.from;
  const at = Math.min(counts.length - 1, Math.max(0, bin));
  counts[at] = (counts[at] ?? 0) + 1;
}

interface BarChart {
  title: string;
  xName: string;
  /** The texts below, at shares of the axis. */
  x: (labels: number) => readonly { share: number; text: string }[];
  heights: readonly number[];
  height: number;
  /** Whether heights are whole numbers. */
  isWhole: boolean;
}

/** Bars side by side, with axes. All bars have the same width. */
export function barChart(chart: BarChart, style: PlotStyle): string[] {
  const { heights, height, isWhole } = chart;
  const top = Math.max(...heights, 0);
  const scale = scaleOf(0, top > 0 ? top : 1, isWhole ? Math.min(4, Math.max(1, top)) : 4);
  const y = ticksOf(scale, Math.max(2, Math.floor(height / 2)));
  const room = Math.max(8, style.width - marginOf(y) - 1);
  const perColumn = style.glyphs.hasBraille ? 2 : 1;
  const dots = Math.max(1, Math.floor((room * perColumn) / Math.max(1, heights.length)));
  // A short axis looks better if it has no more than a few columns for each bar.
  const each = Math.min(dots, 8 * perColumn);
  const wide = heights.flatMap((value) => Array.from({ length: each }, () => value));
  const width = Math.min(room, Math.ceil(wide.length / perColumn));
  while (wide.length < width * perColumn) wide.push(0);
  const share = (heights.length * each) / (width * perColumn);
  const topOfAxis = scale.to * (scale.step.digit * 10 ** scale.step.exponent);
  return framed(
    {
      title: chart.title,
      xName: chart.xName,
      rows: areaPlot(wide, { width, height, top: topOfAxis }, style.glyphs),
      x: chart
        .x(Math.max(2, Math.floor(width / 10)))
        .map((tick) => ({ ...tick, share: tick.share * share })),
      y,
    },
    style,
  );
}

/** A histogram of numbers. */
export function histogram(
  { scale, counts }: Bins,
  { title, xName, height }: Pick<BarChart, "title" | "xName" | "height">,
  style: PlotStyle,
): string[] {
  const x = (labels: number) => ticksOf(scale, labels);
  return barChart({ title, xName, x, heights: counts, height, isWhole: true }, style);
}
