import { expect, test } from "bun:test";

import { comparisonTable, contendersOf } from "../../bench/comparison.ts";

const post = { task: "post", unit: "jobs/s" as const, isLessBetter: false };

test("a queue without figures has no column, and one with figures is compared", () => {
  const all = [{ ...post, values: { PDOFlow: [20, 40], BullMQ: [10, 10] } }];
  expect(contendersOf(all)).toEqual(["PDOFlow", "BullMQ"]);
  const [head, , row] = comparisonTable(all).split("\n");
  expect(head).toBe("| task | PDOFlow | BullMQ | PDOFlow and BullMQ |");
  expect(row).toContain("| 3.0 times as fast |");
});

test("latencies are compared the other way round", () => {
  const all = [
    { ...post, unit: "ms" as const, isLessBetter: true, values: { PDOFlow: [6], "pg-boss": [3] } },
  ];
  expect(comparisonTable(all)).toContain("| **2.0 times slower** |");
});
