import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { glyphsOf } from "../../../tui/draw/glyphs.ts";
import { painter } from "../../../src/cli/output/color.ts";
import { postingPlots } from "../../../src/cli/plot/posting-plots.ts";
import { binsFor, countIn, histogram } from "../../../src/cli/plot/histogram.ts";
import { ResultPlot } from "../../../src/cli/plot/result-plot.ts";
import { scaleOf, shareOf, ticksOf, valueAt } from "../../../src/cli/plot/scale.ts";

const style = (width: number, hasBraille = true) => ({
  width,
  glyphs: glyphsOf({ isUtf8: hasBraille, hasBraille }),
  paint: painter(false),
});
const widths = fc.integer({ min: 30, max: 200 });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const anyValue = fc.oneof(fc.double(), fc.constantFrom("a", "b", "", null), fc.boolean());
const rowOf = (index: number, result: unknown) => ({
  index,
  status: "done" as const,
  result: JSON.stringify(result),
  error: null,
  args: "[]",
});
const tagged = (value: unknown) =>
  typeof value === "number" && !Number.isFinite(value) ? { $number: String(value) } : value;

/** The number of drawn dots, or of characters of a plot in ASCII. */
function drawn(lines: readonly string[]): number {
  const rows = lines.flatMap((line) => line.split(/[│|]/).slice(1));
  const bits = (code: number) => code.toString(2).replaceAll("0", "").length;
  return Array.from(rows.join("").replaceAll(" ", "")).reduce((sum, character) => {
    const code = character.codePointAt(0) ?? 0;
    return sum + (code > 0x2800 && code <= 0x28ff ? bits(code - 0x2800) : 1);
  }, 0);
}

test("a scale contains its values, and its ticks are round and in order", () => {
  fc.assert(
    fc.property(finite, finite, fc.integer({ min: 1, max: 60 }), (a, b, count) => {
      const [least, most] = [Math.min(a, b), Math.max(a, b)];
      const scale = scaleOf(least, most, count);
      expect(scale.to - scale.from).toBeLessThanOrEqual(count + 2);
      for (const value of [least, most]) {
        const share = shareOf(value, scale);
        expect(share >= 0 && share <= 1).toBe(true);
      }
      const size = Math.abs(Math.min(1e300, Math.max(-1e300, most)));
      expect(valueAt(scale.to, scale.step)).toBeGreaterThanOrEqual(
        Math.min(1e300, most) - size * 1e-9,
      );
      const ticks = ticksOf(scale, 5);
      expect(ticks.length).toBeLessThanOrEqual(7);
      expect(ticks.every(({ share }) => share >= 0 && share <= 1)).toBe(true);
      expect(ticks.map(({ share }) => share)).toEqual(
        ticks.map(({ share }) => share).toSorted((x, y) => x - y),
      );
    }),
  );
  expect(ticksOf(scaleOf(0, 0.3, 3), 3).map(({ text }) => text)).toEqual([
    ...["0", "0.1", "0.2", "0.3"],
  ]);
  expect(ticksOf(scaleOf(0, 120_000, 6), 6).at(-1)?.text).toBe("120,000");
});

test("each number is in one bin, and a histogram fits its terminal", () => {
  fc.assert(
    fc.property(
      fc.array(finite, { minLength: 1 }),
      widths,
      fc.boolean(),
      (values, width, isRich) => {
        const range = {
          least: Math.min(...values),
          most: Math.max(...values),
          count: values.length,
        };
        const bins = binsFor(range, width - 10);
        for (const value of values) countIn(bins, value);
        expect(bins.counts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
        const lines = histogram(bins, { title: "", xName: "x", height: 6 }, style(width, isRich));
        for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
        expect(drawn(lines)).toBeGreaterThan(0);
      },
    ),
  );
});

test("whole numbers get a bin each: 10 is not counted with 9", () => {
  const bins = binsFor({ least: 0, most: 10, count: 11 }, 60);
  for (let value = 0; value <= 10; value++) countIn(bins, value);
  expect(bins.counts).toEqual(Array.from({ length: 11 }, () => 1));
  const tenths = binsFor({ least: 0, most: 0.9, count: 100 }, 10);
  for (let value = 0; value < 10; value++) countIn(tenths, value / 10);
  expect(tenths.counts).toEqual(Array.from({ length: 10 }, () => 1));
});

test("every pair of numbers is a point within the frame, all other jobs are counted", () => {
  const pairs = fc.array(fc.tuple(anyValue, anyValue), { maxLength: 60 });
  fc.assert(
    fc.property(pairs, widths, fc.boolean(), (values, width, isRich) => {
      using plot = new ResultPlot(["x", "y"]);
      plot.add(
        1,
        values.map(([x, y], index) => rowOf(index, { x: tagged(x), y: tagged(y) })),
      );
      const numbers = values.filter((pair) => pair.every(Number.isFinite));
      const lines = plot.lines(style(width, isRich));
      const last = lines.pop() ?? "";
      const counts = (last.match(/\d+/g) ?? []).map(Number);
      expect(counts.slice(0, 2)).toEqual([numbers.length, values.length]);
      const excluded = counts.slice(2).reduce((sum, count) => sum + count, 0);
      expect(excluded).toBe(values.length - numbers.length);
      for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
      expect(drawn(lines)).toBeLessThanOrEqual(numbers.length);
      expect(drawn(lines) > 0).toBe(numbers.length > 0);
    }),
  );
});

test("the corners of a scatter plot are in its corners", () => {
  using plot = new ResultPlot(["x", "y"]);
  plot.add(1, [rowOf(0, { x: 0, y: 0 }), rowOf(1, { x: 100, y: 100 })]);
  const lines = plot.lines(style(60));
  const top = lines.find((line) => line.includes("│")) ?? "";
  const foot = lines[lines.findIndex((line) => line.includes("└")) - 1] ?? "";
  expect(top).toEndWith("⠈");
  expect(foot).toContain("│⡀");
});

test("words get bars in the order of their frequency; numbers among them are counted", () => {
  using plot = new ResultPlot(["kind"]);
  const values = ["b", "a", "b", true, null, "\u001b[31mred", 3];
  plot.add(
    1,
    values.map((kind, index) => rowOf(index, { kind })),
  );
  const lines = plot.lines(style(30, false));
  expect(lines.map((line) => line.replace(/ +#+/, ""))).toEqual([
    ...["kind", "b 2", " [31mred 1", "a 1", "true 1"],
    "plotted 5 of 7 jobs; kind: 1 without a value, 1 a number",
  ]);
});

test("one value, none, and jobs that all took as long and ended at once", () => {
  using one = new ResultPlot(["x"]);
  one.add(1, [rowOf(0, { x: 7 })]);
  expect(one.lines(style(40)).join("\n")).toContain("7.0");
  using none = new ResultPlot(["x"]);
  none.add(1, [rowOf(0, null)]);
  expect(none.lines(style(40))).toEqual(["plotted 0 of 1 job; x: 1 without a value"]);
  using without = new ResultPlot(["x"]);
  without.add(1, [rowOf(0, { y: 1 })]);
  expect(() => without.lines(style(40))).toThrow(/found "x"\. Columns: y, posting/);
  expect(postingPlots([], { ended: 0 }, style(80))).toEqual([]);
  const same = { durationMs: 0, endedAtMs: 1e12, isLast: true };
  expect(drawn(postingPlots([same, same], { ended: 2 }, style(80)))).toBeGreaterThan(0);
});

test("the plots of a posting count every attempt, and fit the terminal", () => {
  const sample = fc.record({
    durationMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
    endedAtMs: fc.integer({ min: 1e12, max: 2e12 }),
    isLast: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1 }), widths, (samples, width) => {
      const lines = postingPlots(samples, { ended: samples.length }, style(width));
      expect(lines[0]).toContain(`${samples.length} attempt`);
      for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
    }),
  );
});
