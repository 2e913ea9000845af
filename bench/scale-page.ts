// How many pools one server carries: the tables and the plot of docs/scale.md, from bench/results.
import { linePlot } from "./line-plot.ts";
import { spreadOf } from "./measure.ts";
import { type CaseResult, figure, type Report } from "./result.ts";

const sizes = [1, 10, 100, 1_000, 10_000];

const names = ["cluster", "cluster-largest", "real-pools", "distance"];

/** The newest results of the cases of this page, and the newest report with the first of them. */
export interface ScaleResults {
  cases: readonly CaseResult[];
  report: Report;
}

/** Null if no report has the first of them. */
export function scaleResults(reports: readonly Report[]): ScaleResults | null {
  const report = reports.findLast(({ cases }) => cases.some(({ name }) => name === names[0]));
  const all = reports.flatMap(({ cases }) => cases);
  const cases = names.flatMap((name) => all.findLast((each) => each.name === name) ?? []);
  return report ? { report, cases } : null;
}

/** The median of a figure with its unit; null if it was not measured. */
function textOf({ cases }: ScaleResults, name: string): string | null {
  const values = valuesOf(cases, name);
  const unit = seriesOf(cases, name)?.unit;
  if (values === null || unit === undefined) return null;
  return figure(spreadOf(values).median, unit);
}

const seriesOf = (cases: readonly CaseResult[], name: string) =>
  cases.flatMap(({ series, checks }) => [...series, ...checks]).find((each) => each.name === name);

function valuesOf(cases: readonly CaseResult[], name: string): number[] | null {
  const values = (seriesOf(cases, name)?.values ?? []).filter((value) => Number.isFinite(value));
  return values.length === 0 ? null : [...values];
}

const columns: readonly { title: string; of: readonly string[] }[] = [
  { title: "a claim: median, p99", of: ["claim, median", "claim, p99"] },
  { title: "a heartbeat: median, p99", of: ["heartbeat, median", "heartbeat, p99"] },
  { title: "recording: median, p99", of: ["record, median", "record, p99"] },
  { title: "statements: idle, busy", of: ["statements, idle", "statements, busy"] },
  { title: "the server: idle, busy", of: ["server, idle", "server, busy"] },
  { title: "slots in use", of: ["slots in use"] },
  { title: "claims after one job was posted", of: ["claims after a job was posted"] },
];

/** A row for each number of pools that was measured. */
export function clusterTable(results: ScaleResults): string {
  return tableOf(results, columns);
}

const simulatedColumns: typeof columns = [
  {
    title: "a claim, simulated: median, p99",
    of: ["claim, simulated, median", "claim, simulated, p99"],
  },
  { title: "the server, simulated", of: ["server, simulated"] },
  { title: "a heartbeat takes", of: ["cost of heartbeat"] },
  { title: "a claim takes", of: ["cost of claim"] },
  { title: "recording takes", of: ["cost of record"] },
  { title: "one housekeeping takes", of: ["cost of house"] },
];

/** The same by the simulation, with what it counts with. */
export function simulationTable(results: ScaleResults): string {
  return tableOf(results, simulatedColumns);
}

function tableOf(results: ScaleResults, of: typeof columns): string {
  const rows = sizes.flatMap((pools) => {
    const cells = of.map((column) =>
      column.of.map((name) => textOf(results, `${pools}: ${name}`) ?? "–").join(", "),
    );
    if (cells.every((cell) => /^[–, ]+$/.test(cell))) return [];
    return [`| ${[pools.toLocaleString("en"), ...cells].join(" | ")} |`];
  });
  return [
    `| ${["pools", ...of.map(({ title }) => title)].join(" | ")} |`,
    `| ${["---", ...of.map(() => "---")].join(" | ")} |`,
    ...rows,
    "",
  ].join("\n");
}

const questions: readonly { question: string; of: readonly string[] }[] = [
  { question: "200 pools, started at once: until all wait for jobs", of: ["start of all pools"] },
  {
    question: "200 pools: their connections before and after the first jobs",
    of: ["connections before the first job", "connections"],
  },
  {
    question: "200 pools: memory of a connection in the server",
    of: ["memory of a connection, Pss"],
  },
  {
    question: "200 pools: memory of a pool of the library in its program",
    of: ["memory of a pool in a program, Pss"],
  },
  {
    question: "200 pools: 6,400 jobs of a second on 3,200 slots, at best 2 s; as many again",
    of: ["time of the first jobs", "time of as many jobs again"],
  },
  { question: "200 pools: attempts beyond the first", of: ["attempts beyond the first"] },
  {
    question: "4 pools near the server, and 50 ms away: use of their slots with jobs of 0.2 s",
    of: ["near, share of ideal", "50 ms away, share of ideal"],
  },
  {
    question: "the same, for one job from its post to its record",
    of: [
      "one job, from its post to its record, near",
      "one job, from its post to its record, 50 ms away",
    ],
  },
  {
    question: "50 ms away, while connections are cut: how many, and use of the slots",
    of: ["connections lost", "with losses, share of ideal"],
  },
];

/** Answers of the cases with processes of their own. */
export function processTable(results: ScaleResults): string {
  const rows = questions.flatMap(({ question, of }) => {
    const texts = of.map((name) => textOf(results, name));
    if (texts.includes(null)) return [];
    return [`| ${question} | ${texts.join("; ")} |`];
  });
  return ["| what | figure |", "| --- | --- |", ...rows, ""].join("\n");
}

/** The machine and its load, in one line, and the cases that failed. */
export function scaleConditions({ report, cases }: ScaleResults): string {
  const failed = cases.flatMap(({ name, failure, absent = {} }) => [
    ...(failure === null ? [] : [`The case \`${name}\` failed: ${failure}.`]),
    ...Object.entries(absent).map(([what, why]) => `Not measured: ${what}, ${why}.`),
  ]);
  const { cores, memory } = report.machine;
  const load = report.machine["load at the start"];
  return [
    `Measured on ${report.madeAt.slice(0, 10)} with ${cores}, ${memory} of memory and PostgreSQL`,
    `${report.server["server_version"]}. The load of the machine at the start was ${load}, in the`,
    `last 1, 5 and 15 minutes.`,
    ...failed,
    "",
  ].join("\n");
}

/** The times of claims by the number of pools. */
export function scalePlot({ cases }: ScaleResults): string {
  const line = (name: string) => ({
    points: sizes.flatMap((pools) => {
      const values = valuesOf(cases, `${pools}: ${name}`);
      return values === null ? [] : [{ x: pools, y: spreadOf(values).median }];
    }),
  });
  return linePlot({
    title: "The time of a claim in milliseconds, by the number of pools",
    xTitle: "pools",
    limit: { y: 20, text: "target: 20 ms" },
    lines: [
      { name: "measured, median", ...line("claim, median") },
      { name: "measured, p99", ...line("claim, p99") },
      { name: "simulated, median", ...line("claim, simulated, median") },
      { name: "simulated, p99", ...line("claim, simulated, p99") },
    ],
  });
}
