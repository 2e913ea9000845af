import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { flameGraph, speedscope } from "../../../src/cli/output/flame-graph.ts";

const stacks = { "main a.ts:1\nread a.ts:9": 3, "main a.ts:1\nfit b.ts:2": 6, "main a.ts:1": 1 };

test("the width of a function in a flame graph is its number of samples, and its callees are above it", () => {
  const svg = flameGraph(stacks, "posting 42");
  expect(svg).toContain("<title>main a.ts:1: 10 samples, 100.0 %</title>");
  expect(svg).toContain("<title>fit b.ts:2: 6 samples, 60.0 %</title>");
  const boxes = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"/g)];
  const [main, fit, read] = boxes.map(([, x, y, wide]) => [Number(x), Number(y), Number(wide)]);
  expect(main).toEqual([10, expect.any(Number), 1180]);
  expect(fit?.[2]).toBeCloseTo(708);
  expect(read?.[0]).toBeCloseTo(718); // beside it
  expect(fit?.[1]).toBeLessThan(main?.[1] ?? 0);
});

test("whatever functions are called, it is XML", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 9 })),
      (all) => {
        const svg = flameGraph(all, 'a "title" <&>');
        expect(svg).toContain("a &quot;title&quot; &lt;&amp;&gt;");
        for (const [, text = ""] of svg.matchAll(/<title>(.*?)<\/title>/gs)) {
          expect(text).not.toMatch(/[<>]|&(?!(amp|lt|gt|quot);)/);
        }
        // Of controls none but tab and the ends of lines.
        const isControl = (one: string) => one < " " && !"\t\n\r".includes(one);
        expect(svg.split("").filter(isControl)).toEqual([]);
      },
    ),
  );
});

test("speedscope gets each stack with its weight", () => {
  expect(speedscope(stacks, "posting 42")).toMatchObject({
    shared: { frames: [{ name: "main a.ts:1" }, { name: "read a.ts:9" }, { name: "fit b.ts:2" }] },
    profiles: [
      { type: "sampled", endValue: 10, samples: [[0, 1], [0, 2], [0]], weights: [3, 6, 1] },
    ],
  });
});
