import type { ByState, Timeline } from "../figures.ts";
import { type Html, html } from "../html.ts";
import { durationText, momentText } from "../text.ts";
import { linearScale, timeTicks } from "./axis.ts";
import { chartWidth, stackedBar, svg, xAxis, yAxis } from "./frame.ts";
import { stateCounts, stateWords } from "./legend.ts";

const area = { left: 56, top: 8, width: chartWidth - 60, height: 150 };

/** Attempts that ended per second, over time. */
export function throughputChart({ startAt, endAt, binMs, ended }: Timeline): Html {
  const bins = ended.done.map((_, i): ByState<number> => ({
    done: ended.done[i] ?? 0,
    failed: ended.failed[i] ?? 0,
    retried: ended.retried[i] ?? 0,
    cancelled: ended.cancelled[i] ?? 0,
  }));
  const perSecond = 1_000 / binMs;
  const sum = (one: ByState<number>) => one.done + one.failed + one.retried + one.cancelled;
  const scale = linearScale(Math.max(...bins.map(sum)) * perSecond);
  const width = area.width / bins.length;
  const bars = bins.map((one, i) => {
    const title = `${momentText(new Date(startAt.getTime() + i * binMs))}: ${stateCounts(one)}`;
    const parts = stateWords.map(([state]) => ({
      className: state,
      value: one[state] * perSecond,
    }));
    const gap = width > 4 ? 1 : 0;
    const place = { x: area.left + i * width, width: width - gap, end: scale.end, title };
    return stackedBar(area, place, parts);
  });
  return svg(area.top + area.height + 28, `Attempts ended per second, by ${durationText(binMs)}`, [
    yAxis(area, scale.ticks),
    html`<g class="bars">${bars}</g>`,
    xAxis(area, timeTicks(startAt.getTime(), endAt.getTime())),
  ]);
}
