import { factsOfJob, filterOf } from "./filter.ts";
import { column, right, type Scene, textColumn } from "./columns.ts";
import { compare } from "./lists.ts";
import type { JobsFilter, TopJob } from "../../src/db/dashboard/top-snapshot.ts";
import type { Span } from "../draw/frame.ts";
import { type Glyphs, glyphsOf } from "../draw/glyphs.ts";
import { percent } from "../draw/plot.ts";
import type { Column } from "../draw/table.ts";
import { harmlessLines } from "../draw/text.ts";
import { span } from "../draw/words.ts";

export function statusSpan({ status }: TopJob, { states, failed }: Glyphs): Span {
  switch (status) {
    case "waiting":
      return { text: `${states.waiting} waiting`, tone: "plain" };
    case "running":
      return { text: `${states.running} running`, tone: "busy" };
    case "retrying":
      return { text: `${states.waiting} retrying`, tone: "warn" };
    case "done":
      return { text: `${states.finished} done`, tone: "good" };
    case "failed":
      return { text: `${failed} failed`, tone: "bad" };
    case "cancelled":
      return { text: `${states.cancelled} cancelled`, tone: "dim" };
  }
}

const firstLine = ({ error }: TopJob) =>
  error === null ? "" : `${error.name}: ${error.message.split("\n")[0]}`;

/** The attempt that runs counts too. */
const attempts = ({ status, attempts: ended }: TopJob) =>
  status === "running" ? ended + 1 : ended;
export const attemptsOf = (job: TopJob) => String(attempts(job));

const tookMs = ({ durationMs, elapsedMs = null }: TopJob) => elapsedMs ?? durationMs;

/** How long its newest attempt took, or has run so far; empty if that is not known. */
export function timeOf(job: TopJob): string {
  const ms = tookMs(job);
  return ms === null ? "" : span(ms);
}

export function jobColumns(postingId: number, glyphs: Scene["glyphs"]): Column<TopJob>[] {
  const job = (row: TopJob) => `${postingId}/${row.index}`;
  const what = (row: TopJob) => `${firstLine(row)}  ${row.args}`;
  return [
    {
      ...textColumn(["job", 8, 0], job, { tone: "strong" }),
      isWhole: true,
      order: ({ index }) => index,
    },
    column(
      ["status", 11, 0],
      (row) => statusSpan(row, glyphs),
      ({ status }) => status,
    ),
    column(["attempt", 7, 3], attemptsOf, (row) => -attempts(row), right),
    column(["took", 6, 2], timeOf, (row) => -(tookMs(row) ?? -1), right),
    textColumn(["host", 8, 4], ({ host }) => host ?? ""),
    { ...textColumn(["arguments and error", 6, 1], what), cell: whatSpans, widest: 120 },
  ];
}

function whatSpans(job: TopJob): Span[] {
  const args: Span = { text: job.args, tone: "dim" };
  if (job.error !== null) {
    return [{ text: `${firstLine(job)}  `, tone: job.status === "failed" ? "bad" : "warn" }, args];
  }
  const { progress = null, note = null } = job;
  if (progress === null) return [args];
  return [{ text: `${percent(progress)} ${harmlessLines(note ?? "")[0]}  `, tone: "busy" }, args];
}

/** An order does not depend on how it is drawn. */
const anyColumns = jobColumns(0, glyphsOf({ isUtf8: false, hasBraille: false }));

/** The number of orders of the jobs of a posting: by index as they are read, and one per column. */
export const jobOrders = anyColumns.length + 1;

/** The title of the column by which jobs are sorted; null if they are not. */
export const jobOrderTitle = (sortedBy: number): string | null =>
  anyColumns[sortedBy - 1]?.title ?? null;

/** Whether a job matches the words that were typed. */
export function jobPasses({ postingId, words }: Pick<JobsFilter, "postingId" | "words">) {
  const passes = filterOf(words, []);
  return (job: TopJob): boolean => passes(factsOfJob(postingId, job));
}

/** The jobs in the order of a column, or by index, perhaps reversed. */
export function sortedJobs<Job extends TopJob>(
  jobs: readonly Job[],
  { sortedBy, isReversed }: Pick<JobsFilter, "sortedBy" | "isReversed">,
): Job[] {
  const order = anyColumns[sortedBy - 1]?.order ?? (({ index }: TopJob) => index);
  const sorted = jobs.toSorted((a, b) => compare(order(a), order(b)));
  return isReversed ? sorted.toReversed() : sorted;
}
