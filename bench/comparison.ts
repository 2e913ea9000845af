// PDOFlow beside its peers: the figures of bench/results that docs/performance.md shows.
import { ratios, spreadOf, type Spread } from "./measure.ts";
import { figure, type Report, type Unit } from "./result.ts";

const contenders = ["PDOFlow", "graphile-worker", "pg-boss", "BullMQ"] as const;
export type Contender = (typeof contenders)[number];

/** One task, with the figures of each contender that was measured. */
export interface Comparison {
  task: string;
  unit: Unit;
  isLessBetter: boolean;
  values: Partial<Record<Contender, readonly number[]>>;
  /** What a reader has to know of this task. */
  limits?: string | undefined;
  /** Why a contender has no figures. */
  absent?: Partial<Record<Contender, string>>;
}

const flowLimits = [
  "An element is two no-op jobs, of which the second waits for the first. Its rate counts the time to",
  "post and to run, with the start of the processes that run. PDOFlow also hands the result of the",
  "first job to the second, which pg-boss does not. pg-boss is asked to unblock jobs after each",
  "batch; left alone, it does so every five seconds.",
].join("\n");

const tasks: readonly { task: string; of: string; series?: string; limits?: string }[] = [
  { task: "post 300,000 jobs from Node", of: "post-node" },
  { task: "post 300,000 jobs, PDOFlow from Bun", of: "post-bun" },
  { task: "run 300,000 no-op jobs", of: "drain" },
  { task: "run 100,000 jobs with 1 KiB of output", of: "drain-kept" },
  { task: "run 50,000 postings of one job each", of: "small-postings" },
  {
    task: "post and run 10,000 elements in two stages, element by element",
    ...{ of: "flow-elements", limits: flowLimits },
  },
  { task: "start a job in an idle pool, median", of: "latency", series: "p50 " },
  { task: "start a job in an idle pool, 99th percentile", of: "latency", series: "p99 " },
];

/** The contenders with figures, in a fixed order. */
export const contendersOf = (all: readonly Comparison[]): Contender[] =>
  contenders.filter((contender) =>
    all.some(({ values, absent }) => values[contender] ?? absent?.[contender]),
  );

/** A series is named after its contender, perhaps with a prefix, or with a remark after a comma. */
function contenderOf(name: string, prefix: string): Contender | undefined {
  const [base = ""] = name.startsWith(prefix) ? name.slice(prefix.length).split(",") : [];
  return contenders.find((contender) => contender.toLowerCase() === base);
}

export function comparisons(reports: readonly Report[]): Comparison[] {
  const cases = reports.flatMap((report) => report.cases);
  return tasks.flatMap(({ task, of, series: prefix = "", limits }) => {
    const result = cases.findLast(({ name, failure }) => name === of && failure === null);
    if (!result) return [];
    const values: Comparison["values"] = {};
    for (const { name, values: measured } of result.series) {
      const contender = contenderOf(name, prefix);
      if (contender) values[contender] = measured;
    }
    const absent: Comparison["absent"] = {};
    for (const [name, reason] of Object.entries(result.absent ?? {})) {
      const contender = contenderOf(name, prefix);
      if (contender) absent[contender] = reason;
    }
    const unit = prefix === "" ? "jobs/s" : "ms";
    return [{ task, unit, isLessBetter: unit === "ms", values, absent, limits }];
  });
}

/** How PDOFlow compares with a peer, by the median of the ratios of all rounds. */
function againstPeer({ values, isLessBetter }: Comparison, peer: Contender): string {
  const [ours, theirs] = [values.PDOFlow, values[peer]];
  if (!ours || !theirs) return "";
  const { median } = spreadOf(isLessBetter ? ratios(theirs, ours) : ratios(ours, theirs));
  return median >= 1
    ? `${median.toFixed(1)} times as fast`
    : `**${(1 / median).toFixed(1)} times slower**`;
}

function cell({ median, min, max }: Spread, unit: Unit): string {
  const bare = (value: number) => figure(value, unit).replace(` ${unit}`, "");
  return `${figure(median, unit)} (${bare(min)} to ${bare(max)})`;
}

export function comparisonTable(all: readonly Comparison[]): string {
  const shown = contendersOf(all);
  const peers = shown.filter((contender) => contender !== "PDOFlow");
  const rows = all.map((each) => {
    const figures = shown.map((contender) => {
      const values = each.values[contender];
      return values ? cell(spreadOf(values), each.unit) : (each.absent?.[contender] ?? "");
    });
    const against = peers.map((peer) => againstPeer(each, peer));
    return `| ${[each.task, ...figures, ...against].join(" | ")} |`;
  });
  const heads = ["task", ...shown, ...peers.map((peer) => `PDOFlow and ${peer}`)];
  const limits = all.flatMap((each) => (each.limits === undefined ? [] : [each.limits, ""]));
  const table = [`| ${heads.join(" | ")} |`, `|${" --- |".repeat(heads.length)}`, ...rows];
  return [...table, "", ...limits].join("\n");
}
