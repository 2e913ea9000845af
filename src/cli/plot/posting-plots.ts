import { span } from "../../../tui/draw/words.ts";
import type { JobSample } from "../../db/read/job-samples.ts";
import { pluralize } from "../output/pluralize.ts";
import type { PlotStyle } from "./framed.ts";
import { barChart } from "./histogram.ts";
import type { Tick } from "./scale.ts";

/** Samples of a posting that plots need: more would not be seen. */
export const samplesMax = 2_000;
const height = 5;
const barsPerDecade = 4;
const curveParts = 40;

/** Durations from 1 µs on, in milliseconds, that people would choose. */
const marks = [
  ...[0.001, 0.01, 0.1, 1, 10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000],
  ...[86_400_000, 864_000_000, 8_640_000_000],
];

/** How long the jobs of a posting took, and how many ended per second, from samples of them. */
export function postingPlots(
  samples: readonly JobSample[],
  { ended }: { ended: number },
  style: PlotStyle,
): string[] {
  if (samples.length === 0) return [];
  const isWide = style.width >= 90;
  const half = { ...style, width: isWide ? Math.floor((style.width - 3) / 2) : style.width };
  const left = durationPlot(samples, half);
  const right = throughputPlot(samples, ended, half);
  return isWide ? beside(left, right, half.width + 3) : [...left, ...right];
}

/** A histogram on a logarithmic axis. */
function durationPlot(samples: readonly JobSample[], style: PlotStyle): string[] {
  const times = samples.map(({ durationMs }) => Math.max(marks[0] ?? 0, durationMs));
  const [least, most] = [Math.min(...times), Math.max(...times)];
  const from = marks.findLastIndex((mark) => mark <= least);
  const found = marks.findIndex((mark) => mark > most);
  const to = found < 0 ? marks.length - 1 : found;
  const low = Math.log10(marks[from] ?? 1);
  const decades = Math.max(0.1, Math.log10(marks[to] ?? 1) - low);
  const counts = Array.from({ length: Math.ceil(decades * barsPerDecade) }, () => 0);
  const width = decades / counts.length;
  for (const time of times) {
    const at = Math.min(counts.length - 1, Math.floor((Math.log10(time) - low) / width));
    counts[at] = (counts[at] ?? 0) + 1;
  }
  const x = marks.slice(from, to + 1).map((mark): Tick => {
    return { share: (Math.log10(mark) - low) / decades, text: markText(mark) };
  });
  const title = `jobs by duration: ${pluralize(times.length, "attempt")}`;
  return barChart({ title, xName: "", x: () => x, heights: counts, height, isWhole: true }, style);
}

/** `10us`, `100ms`, `10m`. */
function markText(ms: number): string {
  if (ms === 0) return "0";
  if (ms < 1) return `${ms * 1_000}us`;
  return span(ms)
    .replace(/\.0s$/, "s")
    .replace(/(\d)h00m$/, "$1h")
    .replace(/^60m$/, "1h");
}

const timeSteps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000],
  ...[60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000],
  ...[3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000],
];

/** Ended jobs by the time since the first of them ended. Empty if all ended at the same moment. */
function throughputPlot(samples: readonly JobSample[], ended: number, style: PlotStyle): string[] {
  const ends = samples.filter(({ isLast }) => isLast).map(({ endedAtMs }) => endedAtMs);
  const first = Math.min(...ends);
  const totalMs = Math.max(...ends) - first;
  if (!(totalMs > 0)) return [];
  // Few samples in many parts would show how they are spread, not the pace.
  const parts = Math.max(4, Math.min(curveParts, Math.floor(ends.length / 4)));
  const counts = Array.from({ length: parts }, () => 0);
  for (const end of ends) {
    const at = Math.min(parts - 1, Math.floor(((end - first) / totalMs) * parts));
    counts[at] = (counts[at] ?? 0) + 1;
  }
  const perSecond = (1_000 * parts * ended) / ends.length / totalMs;
  const most = Math.max(...counts) * perSecond;
  const [unit, seconds] =
    most >= 1 ? ["second", 1] : most >= 1 / 60 ? ["minute", 60] : ["hour", 3_600];
  const days = 86_400_000;
  const step =
    timeSteps.find((each) => totalMs / each <= 5) ?? days * Math.ceil(totalMs / days / 5);
  const x = Array.from({ length: Math.floor(totalMs / step) + 1 }, (_, at) => {
    return { share: (at * step) / totalMs, text: markText(at * step) };
  });
  return barChart(
    {
      title: `jobs ended per ${unit}`,
      xName: "",
      x: () => x,
      heights: counts.map((count) => count * perSecond * seconds),
      height,
      isWhole: false,
    },
    style,
  );
}

/** Two blocks side by side, the second one from a column on. */
function beside(left: readonly string[], right: readonly string[], column: number): string[] {
  if (right.length === 0) return [...left];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, at) => {
    const start = left[at] ?? "";
    return start + " ".repeat(Math.max(0, column - Bun.stringWidth(start))) + (right[at] ?? "");
  });
}
