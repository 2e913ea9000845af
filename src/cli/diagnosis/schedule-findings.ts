import type { Health } from "../../db/admin/health.ts";
import { advice, type Finding, problem } from "./finding.ts";

/** As many old postings, or as many bytes, show that nobody prunes. */
const oldPostingsMin = 10_000;
const bytesMin = 10 * 2 ** 30;

/** Problems with schedules and pruning, each with a remedy. */
export function scheduleFindings(health: Health): Finding[] {
  return [
    ...health.failingSchedules.map(failingFinding),
    ...health.latePrunes.map((name) =>
      // Without any pool, as in a queue that is scaled down, no posting ends: it can wait.
      (health.poolsUp === 0 ? advice : problem)(
        "prune",
        `the schedule ${name} is due and no pool has pruned`,
        "start a pool whose role owns the queue: pdoflow pool; or, as that role, run: " +
          "pdoflow prune",
      ),
    ),
    ...pruneFindings(health),
  ];
}

function failingFinding({
  name,
  poster,
  unposted,
  reason,
}: Health["failingSchedules"][number]): Finding {
  const what =
    unposted === 10
      ? "posted nothing"
      : unposted === 0
        ? "had failed jobs"
        : "posted nothing, or had failed jobs";
  const why = reason === null ? "" : `; the last reason: ${reason}`;
  return problem(
    "schedules",
    `the last ten times of the schedule ${name} of ${poster} ${what}${why}`,
    `see why: pdoflow schedule history ${name}; or stop it: pdoflow schedule pause ${name}`,
  );
}

function pruneFindings({ hasPrune, oldPostings, tables }: Health): Finding[] {
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  if (hasPrune || (oldPostings < oldPostingsMin && (oldPostings === 0 || bytes < bytesMin))) {
    return [];
  }
  const count = oldPostings < oldPostingsMin ? `${oldPostings}` : "10,000 or more";
  return [
    advice(
      "prune",
      `${count} postings ended more than 30 days ago, and the queue has ` +
        `${Math.round(bytes / 2 ** 30)} GiB`,
      "prune every day: pdoflow schedule add housekeeping @daily -- prune --older-than 30d",
    ),
  ];
}
