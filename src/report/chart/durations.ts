import type { DurationBar, Spread } from "../figures.ts";
import { html, type Html } from "../html.ts";
import { durationText } from "../text.ts";
import { durationTicks, linearScale, logPosition } from "./axis.ts";
import { chartWidth, mark, stackedBar, svg, xAxis, yAxis } from "./frame.ts";
import { stateCounts, stateWords } from "./legend.ts";

const area = { left: 56, top: 26, width: chartWidth - 60, height: 150 };

/** A histogram of durations on a logarithmic axis, with the median and the 95th percentile. */
export function durationChart(bars: readonly DurationBar[], spread: Spread): Html {
  const sum = (one: DurationBar) => one.done + one.failed + one.retried + one.cancelled;
  const scale = linearScale(Math.max(1, ...bars.map(sum)));
  const [fromMs, toMs] = [bars[0]?.fromMs ?? 0, bars.at(-1)?.toMs ?? 1];
  const xOf = (ms: number) => area.left + area.width * logPosition(ms, fromMs, toMs);
  const drawn = bars.map((bar) => {
    const [x, end] = [xOf(bar.fromMs), xOf(bar.toMs)];
    const title = `${durationText(bar.fromMs)} to ${durationText(bar.toMs)}: ${stateCounts(bar)}`;
    const parts = stateWords.map(([state]) => ({ className: state, value: bar[state] }));
    const width = Math.min(Math.max(1, end - x - 1), 60);
    return stackedBar(area, { x, width, end: scale.end, title }, parts);
  });
  const medianX = spread.medianMs === null ? null : xOf(spread.medianMs);
  const p95X = spread.p95Ms === null ? null : xOf(spread.p95Ms);
  const isClose = medianX !== null && p95X !== null && p95X - medianX < 70;
  return svg(area.top + area.height + 28, "Attempts by duration, on a logarithmic axis", [
    yAxis(area, scale.ticks),
    html`<g class="bars">${drawn}</g>`,
    medianX === null ? null : mark(area, medianX, "median", isClose ? "end" : "middle"),
    p95X === null ? null : mark(area, p95X, "95 %", isClose ? "start" : "middle"),
    xAxis(area, durationTicks(fromMs, toMs)),
  ]);
}
