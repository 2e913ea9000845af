import { expect, test } from "bun:test";

import { comparisons, comparisonTable, contendersOf } from "../../bench/comparison.ts";
import { expectationTable } from "../../bench/expectations.ts";
import { readReports } from "../../bench/page.ts";
import type { Report } from "../../bench/result.ts";

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

/** A report of the case of flows alone. */
function flowReport(absent: Record<string, string>): Report[] {
  const [report] = readReports();
  if (!report) throw new Error("expected a report");
  const found = { name: "flow-elements", what: "", target: "", tookSeconds: 1, failure: null };
  const series = [
    { name: "pdoflow", unit: "jobs/s" as const, values: [200, 400] },
    { name: "pg-boss", unit: "jobs/s" as const, values: [100, 100] },
    { name: "pdoflow beside snakemake", unit: "s" as const, values: [1.5] },
    ...("snakemake" in absent
      ? []
      : [{ name: "snakemake", unit: "s" as const, values: [30, 32, 31] }]),
  ];
  return [{ ...report, cases: [{ ...found, sizes: {}, checks: [], series, absent }] }];
}

test("a queue that did not finish its flows has its reason in place of a figure", () => {
  const reports = flowReport({ bullmq: "did not finish in 300 s" });
  const [head, , row, , limits] = comparisonTable(comparisons(reports)).split("\n");
  expect(limits).toContain("An element is two no-op jobs, of which the second waits");
  expect(head).toBe(
    "| task | PDOFlow | pg-boss | BullMQ | PDOFlow and pg-boss | PDOFlow and BullMQ |",
  );
  expect(row).toContain(
    "| 100 jobs/s (100 to 100) | did not finish in 300 s | 3.0 times as fast |",
  );
});

test("the time of Snakemake is shown, or why it has none", () => {
  expect(expectationTable(flowReport({}))).toContain("| 1.50 s; Snakemake: 31.00 s |");
  expect(expectationTable(flowReport({ snakemake: "snakemake is not installed" }))).toContain(
    "| 1.50 s; Snakemake: snakemake is not installed |",
  );
});
