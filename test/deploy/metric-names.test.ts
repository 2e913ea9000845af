// The names of metrics in the documentation, the alerts and the dashboard.
import { join } from "node:path";
import { expect, test } from "bun:test";

import { allPoolMetrics, allQueueMetrics, dashboardQueries } from "./metrics.ts";

const root = join(import.meta.dir, "../..");
const textOf = (path: string) => Bun.file(join(root, path)).text();
const metrics = [...allPoolMetrics(), ...allQueueMetrics()];
const names = new Set(metrics.map(({ name }) => name));
/** As written in queries: a histogram has series of other names. */
const base = (name: string) => (names.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ""));
const namesIn = (text: string) =>
  [...text.matchAll(/\b(?:pdoflow_(?:pool|queue|schedule|collect|oldest)|process)_\w+/g)].map(
    ([name]) => base(name),
  );

test("docs/metrics.md names each metric of PDOFlow, and no other", async () => {
  const documented = new Set(
    namesIn(await textOf("docs/metrics.md")).filter((name) => !name.endsWith("_")),
  );
  const ours = [...names].filter((name) => name.startsWith("pdoflow_"));
  expect(ours.filter((name) => !documented.has(name))).toEqual([]);
  expect([...documented].filter((name) => !names.has(name))).toEqual([]);
});

test("alerts and the dashboard use existing metrics", async () => {
  const rules = await textOf("deploy/prometheus/pdoflow.rules.yml");
  const queries = await dashboardQueries(join(root, "deploy/grafana/pdoflow.json"));
  const used = namesIn([rules, ...queries.map(({ expr }) => expr)].join("\n"));
  expect(used.length).toBeGreaterThan(40);
  expect(used.filter((name) => !names.has(name))).toEqual([]);
});

test("each alert is tested, and has a remedy", async () => {
  const rules = await textOf("deploy/prometheus/pdoflow.rules.yml");
  const tests = await textOf("deploy/prometheus/pdoflow.rules.test.yml");
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);
  expect(alerts.length).toBeGreaterThan(7);
  expect(alerts.filter((name) => !tests.includes(`alertname="${name}"`))).toEqual([]);
  expect(rules.match(/^ +remedy: /gm)).toHaveLength(alerts.length);
});

test("each metric has a few time series, whatever the queue has", () => {
  const counts = metrics.map((metric) => ("samples" in metric ? metric.samples.length : 16));
  expect(Math.max(...counts)).toBeLessThan(20);
  expect(names.size).toBe(metrics.length);
});
