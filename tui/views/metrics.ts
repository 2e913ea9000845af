import type { Scene } from "../state/columns.ts";
import type { Line } from "../draw/frame.ts";
import { line } from "../draw/frame.ts";
import { areaPlot, progressBar } from "../draw/plot.ts";
import type { Histogram } from "../../src/db/dashboard/histogram.ts";
import type { Numbers } from "../../src/db/dashboard/top-snapshot.ts";
import { fit, widthOf } from "../draw/text.ts";
import { bytes, count, span } from "../draw/words.ts";

/** The second screen. What does not fit is left out, the least wanted first. */
export function numbersLines(scene: Scene, height: number): Line[] {
  const { numbers } = scene.model;
  if (numbers === null) return [line({ text: "  reading", tone: "dim" })];
  const { columns } = scene.model.size;
  const isWide = columns >= 70;
  const facts = line(
    `waiting and running ${count(numbers.depth)}  retrying ${count(numbers.retrying)}  `,
    {
      text: `refused writes ${count(numbers.refused)}`,
      tone: numbers.refused > 0 ? "warn" : "dim",
    },
  );
  const lines = [
    facts,
    ...throughput(scene, numbers, Math.max(2, Math.min(10, Math.floor(height / 4)))),
  ];
  const [latency, duration] = [
    histogram(
      scene,
      "from post to start",
      numbers.latency,
      isWide ? Math.floor((columns - 2) / 2) : columns,
    ),
    histogram(
      scene,
      "duration",
      numbers.duration,
      isWide ? Math.floor((columns - 2) / 2) : columns,
    ),
  ];
  const half = Math.floor((columns - 2) / 2);
  if (isWide) lines.push(...beside(latency, duration, half));
  else lines.push(...latency, ...duration);
  lines.push(...tableLines(numbers));
  return lines.slice(0, height);
}

function throughput({ model, glyphs }: Scene, numbers: Numbers, height: number): Line[] {
  const most = Math.max(0, ...numbers.endedByMinute);
  const failed = numbers.failedByMinute.reduce((sum, value) => sum + value, 0);
  const ended = numbers.endedByMinute.reduce((sum, value) => sum + value, 0);
  const width = Math.max(1, Math.min(model.size.columns - 1, 120));
  const plot = areaPlot(numbers.endedByMinute, { width, height }, glyphs);
  return [
    line(
      { text: "the last hour", tone: "title" },
      `  ${count(ended)} jobs ended, `,
      {
        text: `${count(failed)} failed`,
        tone: failed > 0 ? "bad" : "dim",
      },
      `, at most ${count(most)} in a minute`,
    ),
    ...plot.map((text) => line({ text: ` ${text}`, tone: "busy" })),
  ];
}

function histogram({ glyphs }: Scene, title: string, all: Histogram, width: number): Line[] {
  const most = Math.max(0, ...all.map((each) => each.count));
  const sampled = all.reduce((sum, each) => sum + each.count, 0);
  const first = all.findIndex((each) => each.count > 0);
  const shown = all.slice(first, all.findLastIndex((each) => each.count > 0) + 1).slice(0, 12);
  const head = line(
    { text: title, tone: "title" },
    { text: `  of ${count(sampled)}`, tone: "dim" },
  );
  if (most === 0) return [head, line({ text: "  nothing yet", tone: "dim" })];
  const room = Math.max(4, width - 18);
  return [
    head,
    ...shown.map(({ upToMs, count: n }) => {
      const limit = Number.isFinite(upToMs) ? `< ${span(upToMs)}` : "longer";
      const [full] = progressBar(n / most, room, glyphs);
      return line(`${limit.padStart(9)} `, { text: full, tone: "busy" }, ` ${count(n)}`);
    }),
  ];
}

/** Two columns of lines. */
function beside(left: readonly Line[], right: readonly Line[], width: number): Line[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, at) => {
    const spans = left[at]?.spans ?? [];
    const text = spans.map((each) => each.text).join("");
    const space = { text: fit("", Math.max(0, width - widthOf(text))) };
    return { spans: [...spans, space, { text: "  " }, ...(right[at]?.spans ?? [])] };
  });
}

function tableLines({ tables }: Numbers): Line[] {
  return [
    line({ text: "tables", tone: "title" }),
    ...tables.map(({ name, bytes: size, rows }) =>
      line(`  ${fit(name, 18)} ${bytes(size).padStart(7)}  ${count(rows).padStart(8)} rows`),
    ),
  ];
}
