import type { Scene } from "../state/columns.ts";
import { type Line, line } from "../draw/frame.ts";
import { areaPlot, progressBar } from "../draw/plot.ts";
import type { Histogram } from "../../src/db/dashboard/histogram.ts";
import type { Metrics } from "../../src/db/dashboard/top-snapshot.ts";
import { fit, widthOf } from "../draw/text.ts";
import { bytes, count, span } from "../draw/words.ts";

/** The metrics screen: throughput of the last hour, latencies, durations and tables. */
export function metricsLines(scene: Scene, height: number): Line[] {
  const { metrics } = scene.model;
  if (metrics === null) return [line({ text: "  reading", tone: "dim" })];
  const { columns } = scene.model.size;
  const isWide = columns >= 70;
  const half = isWide ? Math.floor((columns - 2) / 2) : columns;
  const latency = histogram(scene, "time from posting to start", metrics.latency, half);
  const duration = histogram(scene, "duration of attempts", metrics.duration, half);
  return [
    factsLine(metrics),
    ...throughput(scene, metrics, Math.max(2, Math.min(12, Math.floor(height / 4)))),
    ...(isWide ? beside(latency, duration, half) : [...latency, ...duration]),
    ...tableLines(metrics),
  ].slice(0, height);
}

const factsLine = ({ depth, retrying, refused }: Metrics): Line =>
  line(`${count(depth)} waiting or running  ${count(retrying)} retrying  `, {
    text: `${count(refused)} refused writes in 24h`,
    tone: refused > 0 ? "warn" : "dim",
  });

/** The widest label of the vertical axis. */
const labelWidth = 7;
const minutes = 60;

/** Jobs per minute as an area, with a scale at the left and the time below. */
function throughput({ model, glyphs }: Scene, metrics: Metrics, height: number): Line[] {
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  const most = Math.max(0, ...metrics.endedByMinute);
  const failed = sum(metrics.failedByMinute);
  // Each minute gets the same number of columns, so that the time axis is true.
  const room = Math.max(15, model.size.columns - labelWidth - 4);
  const width = room >= minutes ? Math.min(2, Math.floor(room / minutes)) * minutes : room;
  const plot = areaPlot(metrics.endedByMinute, { width, height }, glyphs);
  const label = (row: number) => {
    if (row === 0) return count(most);
    const isMiddle = height >= 5 && row === Math.floor(height / 2);
    return isMiddle ? count((most * (height - row)) / height) : "";
  };
  return [
    line(
      { text: "jobs per minute, the last hour", tone: "title" },
      `  ${count(sum(metrics.endedByMinute))} ended, `,
      { text: `${count(failed)} failed`, tone: failed > 0 ? "bad" : "dim" },
    ),
    ...plot.map((text, row) =>
      line(
        { text: `${label(row).padStart(labelWidth)} ${glyphs.axis}`, tone: "dim" },
        {
          text,
          tone: "busy",
        },
      ),
    ),
    line({
      text: `${"0".padStart(labelWidth)} ${glyphs.corner}${glyphs.rule.repeat(width)}`,
      tone: "dim",
    }),
    line({ text: `${" ".repeat(labelWidth + 1)}${timeAxis(width)}`, tone: "dim" }),
  ];
}

/** `-60m … -30m … now`, each label below its minute. */
function timeAxis(width: number): string {
  const step = width >= 90 ? 10 : width >= 40 ? 15 : 30;
  let text = "";
  for (let ago = minutes; ago >= 0; ago -= step) {
    const label = ago === 0 ? "now" : `-${ago}m`;
    const at = Math.round(((minutes - ago) / minutes) * width);
    const start = ago === 0 ? width - label.length + 1 : at;
    text = text.padEnd(start) + label;
  }
  return text;
}

function histogram({ glyphs }: Scene, title: string, all: Histogram, width: number): Line[] {
  const most = Math.max(0, ...all.map((each) => each.count));
  const sampled = all.reduce((sum, each) => sum + each.count, 0);
  const first = all.findIndex((each) => each.count > 0);
  const shown = all.slice(first, all.findLastIndex((each) => each.count > 0) + 1).slice(0, 12);
  const head = line(
    { text: title, tone: "title" },
    { text: `  ${count(sampled)} in the last hour`, tone: "dim" },
  );
  if (most === 0) return [head, line({ text: "  nothing yet", tone: "dim" })];
  const room = Math.max(4, width - 19);
  return [
    head,
    ...shown.map(({ upToMs, count: n }) => {
      const limit = Number.isFinite(upToMs) ? `< ${span(upToMs)}` : "longer";
      const [full] = progressBar(n / most, room, glyphs);
      return line(`${limit.padStart(9)} `, { text: full, tone: "busy" }, ` ${count(n)}`);
    }),
  ];
}

/** Two blocks of lines side by side. */
function beside(left: readonly Line[], right: readonly Line[], width: number): Line[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, at) => {
    const spans = left[at]?.spans ?? [];
    const text = spans.map((each) => each.text).join("");
    const space = { text: fit("", Math.max(0, width - widthOf(text))) };
    return { spans: [...spans, space, { text: "  " }, ...(right[at]?.spans ?? [])] };
  });
}

function tableLines({ tables }: Metrics): Line[] {
  return [
    line({ text: "tables", tone: "title" }),
    ...tables.map(({ name, bytes: size, rows }) =>
      line(`  ${fit(name, 18)} ${bytes(size).padStart(7)}  ${count(rows).padStart(8)} rows`),
    ),
  ];
}
