import { expect, test } from "bun:test";

import { commandTable } from "../../bench/command-table.ts";
import { pages, readReports } from "../../bench/page.ts";
import type { Report } from "../../bench/result.ts";

test("the times beside GNU parallel come from the last report that has them", () => {
  const [report] = readReports();
  if (!report) throw new Error("expected a report");
  const series = [
    { name: "one command: pdoflow run", unit: "s" as const, values: [0.3, 0.2, 0.4] },
    { name: "1,000 times true: GNU parallel", unit: "s" as const, values: [2.5] },
  ];
  const commands = { name: "commands", what: "", target: "", tookSeconds: 1, failure: null };
  const measured: Report = {
    ...report,
    cases: [{ ...commands, sizes: {}, checks: [], series }],
  };
  expect(commandTable([report])).toBeNull();
  const text = Object.entries(pages([report, measured])).find(([page]) =>
    page.endsWith("docs/five-tasks.md"),
  )?.[1];
  expect(text).toContain("| one command | 0.30 s | not measured | not measured |");
  expect(text).toContain("| 1,000 times true | not measured | 2.50 s | not measured |");
  expect(text).not.toContain("18.7 s");
});
