import { expect, test } from "bun:test";

import { durationTicks, linearScale, timeTicks } from "../../src/report/chart/axis.ts";
import { durationChart } from "../../src/report/chart/durations.ts";
import { flowGraph } from "../../src/report/chart/flow-graph.ts";
import { layersOf } from "../../src/report/chart/layers.ts";
import { poolChart } from "../../src/report/chart/pools.ts";
import { spanChart } from "../../src/report/chart/spans.ts";
import { throughputChart } from "../../src/report/chart/throughput.ts";
import { coresChart, memoryChart } from "../../src/report/chart/usage.ts";
import { headline } from "../../src/report/headline.ts";
import { durationText, paceText, percentText, workText } from "../../src/report/text.ts";
import { sampleFigures } from "./sample-figures.ts";

const figures = sampleFigures("night");
const { timeline } = figures;
if (timeline === null) throw new Error("the sample has a timeline");

/** The numbers of an attribute of the elements of a class. */
const numbersOf = (svg: string, className: string, attribute: string) =>
  [...svg.matchAll(/<(?:rect|line|path)[^>]*>/g)].flatMap(([tag]) => {
    const value = new RegExp(`\\s${attribute}="([^"]*)"`).exec(tag)?.[1];
    return tag.includes(`class="${className}"`) && value !== undefined ? [Number(value)] : [];
  });

test("axes have round ticks that include the largest value", () => {
  expect(linearScale(83).ticks.map(({ label }) => label)).toEqual(["0", "50", "100"]);
  expect(linearScale(0.3).ticks.map(({ label }) => label)).toEqual(["0.0", "0.1", "0.2", "0.3"]);
  expect(linearScale(0).end).toBeGreaterThan(0);
  const day = new Date(2026, 10, 30).getTime();
  expect(timeTicks(day + 3 * 60_000, day + 63 * 60_000).map(({ label }) => label)).toEqual([
    ...["00:10", "00:20", "00:30", "00:40", "00:50", "01:00"],
  ]);
  const labels = durationTicks(0.05, 7_200_000).map(({ label }) => label);
  expect(labels.at(0)).toBe("100 µs");
  expect(labels.at(-1)).toBe("1 h");
  expect(durationTicks(12, 170).map(({ label }) => label)).toEqual(["20 ms", "50 ms", "100 ms"]);
});

test("bars are as high as their numbers, and a single failure among thousands is visible", () => {
  const chart = throughputChart(timeline).text;
  const heights = numbersOf(chart, "done", "height");
  expect(heights.map((height) => Math.round(height / (heights[0] ?? 1)))).toEqual([1, 2, 3, 2, 1]);
  const few = {
    ...timeline,
    ended: { ...timeline.ended, done: [9_999, 0, 0, 0, 0, 0], failed: [1, 0, 0, 0, 0, 0] },
  };
  expect(numbersOf(throughputChart(few).text, "failed", "height")[0]).toBeGreaterThan(1);
});

test("charts of nothing and of one thing have no NaN and no infinity", () => {
  const { bars: _bars, ...none } = { ...figures.durations, medianMs: null, p95Ms: null };
  const single = {
    ...timeline,
    endAt: timeline.startAt,
    ended: { done: [1], failed: [0], retried: [0], cancelled: [0] },
    pools: timeline.pools.map((pool) => ({ ...pool, slots: 0, busy: [0] })),
  };
  const period = { fromMs: 5, toMs: 5 };
  const all = [
    ...[durationChart([], none), throughputChart(single), poolChart(single)],
    ...[spanChart(figures.postings, period), spanChart([], period)],
    flowGraph({ ...figures.flows[0], stages: [], graph: [] } as never),
  ];
  for (const { text } of all) expect(text).not.toMatch(/NaN|Infinity|undefined|null/);
});

test("peaks of memory stand at their size, and what was asked for at its own", () => {
  const steps = [2 ** 26, 2 ** 27].map((upTo) => ({ upTo, weight: 5 }));
  const [asked = 0] = numbersOf(memoryChart(steps, 2 ** 28).text, "mark", "x1");
  const [left = 0, right = 0] = numbersOf(memoryChart(steps, 2 ** 28).text, "busy", "x");
  const [width = 0] = numbersOf(memoryChart(steps, 2 ** 28).text, "busy", "width");
  // A doubling is as wide from the second bar to the mark as from the first bar to the second.
  expect(asked - (right + width)).toBeCloseTo(right - left, -1);
  for (const chart of [memoryChart([], null), coresChart([], 1)]) {
    expect(chart.text).not.toMatch(/NaN|Infinity/);
  }
});

test("each stage stands below all that it waits for, and stages of a chain below each other", () => {
  const node = (name: string, ...stages: string[]) => ({
    name,
    upstreams: stages.map((stage) => ({ stage, kind: "after" })),
  });
  const nodes = [
    node("a"),
    node("b"),
    node("c", "b"),
    node("d", "a"),
    node("e", "c", "d"),
    node("f", "b"),
  ];
  const layers = layersOf(nodes).map((layer) => layer.map(({ name }) => name));
  expect(layers).toEqual([["a", "b"], ["d", "c", "f"], ["e"]]);
});

test("numbers are written as people read them", () => {
  const durations = [0.0004, 0.12, 1.2349, 59.96, 999.9, 59_990, 200_000, 7_500_000, 273_600_000];
  expect(durations.map(durationText)).toEqual([
    ...["0.4 µs", "120 µs", "1.23 ms", "60 ms", "1 s", "1 min", "3 min 20 s", "2 h 5 min"],
    "3 d 4 h",
  ]);
  expect([30_000, 300_000, 5_000_000, 3e8, 1e11].map(workText)).toEqual([
    ...["30 s", "5 min", "1.39 h", "3.47 days", "3.17 years"],
  ]);
  expect([1_200, 0.1, 0.001].map(paceText)).toEqual(["1,200/s", "6/min", "3.6/h"]);
  expect(
    (
      [
        [1, 3_000],
        [2_999, 3_000],
        [1, 3],
        [0, 9],
        [9, 9],
      ] as const
    ).map(([part, whole]) => percentText(part, whole)),
  ).toEqual(["< 0.1 %", "> 99.9 %", "33 %", "0 %", "100 %"]);
});

test("the first sentence says how the jobs ended, or how far they are", () => {
  const of = (jobs: Partial<typeof figures.jobs>, retried = 0) =>
    headline({
      ...figures,
      jobs: { waiting: 0, running: 0, retrying: 0, done: 0, failed: 0, cancelled: 0, ...jobs },
      attempts: [{ attempt: 1, done: 0, failed: 0, cancelled: 0, retried }],
    });
  expect(of({ done: 1_000 })).toBe("All 1,000 jobs are done.");
  expect(of({ done: 1 })).toBe("The job is done.");
  expect(of({ done: 8, failed: 2 }, 3)).toBe(
    "2 of 10 jobs failed, 8 are done. 3 attempts failed and were tried again.",
  );
  expect(of({ done: 8, running: 2 })).toBe("8 of 10 jobs are done, 2 are left.");
  expect(of({ waiting: 10 })).toBe("No job of 10 has ended yet.");
  expect(of({ done: 8, cancelled: 1 })).toBe("1 of 9 jobs was cancelled, 8 are done.");
});
