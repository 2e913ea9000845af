import type { JobError } from "../../src/domain/attempt.ts";
import { type Scene, column, failedSpan, right, textColumn } from "../state/columns.ts";
import { shareOf, shownState } from "../state/posting-columns.ts";
import { type Line, type Span, line } from "../draw/frame.ts";
import type { Glyphs } from "../draw/glyphs.ts";
import type { JobsView, View } from "../state/model.ts";
import { percent, progressBar } from "../draw/plot.ts";
import type { TopJob } from "../../src/db/dashboard/top-snapshot.ts";
import { type Column, Table } from "../draw/table.ts";
import { harmlessLines, wrap } from "../draw/text.ts";
import { ago, bytes, count, moment, plural, span } from "../draw/words.ts";
import { fact, scrolled } from "./details.ts";

function statusSpan({ status }: TopJob, { states, failed }: Glyphs): Span {
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
const attemptsOf = ({ status, attempts }: TopJob) =>
  String(status === "running" ? attempts + 1 : attempts);

/** How long its newest attempt took, or has run so far; empty if that is not known. */
function timeOf({ durationMs, elapsedMs = null }: TopJob): string {
  const ms = elapsedMs ?? durationMs;
  return ms === null ? "" : span(ms);
}

function columnsOf(postingId: number, glyphs: Glyphs): Column<TopJob>[] {
  const order = ({ index }: TopJob) => index;
  const job = (row: TopJob) => `${postingId}/${row.index}`;
  return [
    textColumn(["job", 8, 0], job, { tone: "strong" }),
    column(["status", 11, 0], (row) => statusSpan(row, glyphs), order),
    column(["attempt", 7, 3], attemptsOf, order, right),
    column(["took", 6, 2], timeOf, order, right),
    textColumn(["host", 8, 4], ({ host }) => host ?? ""),
    {
      ...textColumn(["arguments and error", 6, 1], (row) => `${firstLine(row)}  ${row.args}`),
      cell: whatSpans,
      widest: 120,
    },
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

export function jobsLines({ model, glyphs }: Scene, view: JobsView, height: number): Line[] {
  const { page, size } = model;
  const table = new Table(columnsOf(view.postingId, glyphs), page?.rows ?? [], {
    width: size.columns,
    glyphs,
  });
  const lines = [jobsTitle({ model, glyphs }, view), table.header(undefined, false)];
  const room = height - lines.length;
  if (page === null) return [...lines, line({ text: "  reading", tone: "dim" })];
  const { rows } = page;
  const top = Math.max(0, Math.min(view.row - Math.floor(room / 2), rows.length - room));
  rows.slice(top, top + room).forEach((row, at) => {
    lines.push(table.row(row, { isChosen: top + at === view.row, isMarked: false }));
  });
  if (rows.length === 0) lines.push(emptyLine(view));
  return lines;
}

const emptyLine = ({ status }: JobsView): Line =>
  status === "failed"
    ? line("  No failed jobs. Press ", { text: "F", tone: "key" }, " to see all jobs.")
    : line({ text: "  no jobs", tone: "dim" });

function jobsTitle({ model, glyphs }: Scene, view: JobsView): Line {
  const posting = model.snapshot?.postings.find(({ id }) => id === view.postingId);
  const only = view.status === null ? "" : `  only ${view.status} jobs`;
  const title: Span = { text: view.title, tone: "title" };
  if (!posting) return line(title, { text: only, tone: "warn" });
  const [full, empty] = progressBar(shareOf(posting), 10, glyphs);
  const { text, tone } = shownState(posting);
  return line(
    title,
    { text: `  ${text}  `, tone },
    { text: full, tone: "good" },
    { text: empty, tone: "dim" },
    ` ${count(posting.jobs.done)} of ${count(posting.jobCount)} done  `,
    failedSpan(posting.jobs.failed, glyphs),
    " failed",
    { text: only, tone: "warn" },
  );
}

/** Everything about one job. */
export function jobLines(
  scene: Scene,
  view: Extract<View, { kind: "job" }>,
  height: number,
): Line[] {
  const { model } = scene;
  const title = `job ${view.postingId}/${view.index}`;
  if (model.job === null) {
    return [line({ text: title, tone: "title" }), line({ text: "  reading", tone: "dim" })];
  }
  const width = Math.max(10, model.size.columns - 2);
  return scrolled(scene, title, factLines(scene, model.job, width), view, height);
}

/** The causes of an error, and the errors it gathers, at any depth. */
function causesOf(error: JobError | null): JobError[] {
  const below = [...(error?.cause ? [error.cause] : []), ...(error?.errors ?? [])];
  return below.flatMap((each) => [each, ...causesOf(each)]);
}

function factLines({ model, glyphs }: Scene, job: TopJob, width: number): Line[] {
  const nowMs = model.snapshot?.at.getTime() ?? 0;
  const text = (name: string, value: string | null): Line[] =>
    value === null || value === ""
      ? []
      : [
          line(""),
          line({ text: ` ${name}`, tone: "strong" }),
          ...harmlessLines(value.replace(/\n$/, "")).flatMap((each) =>
            wrap(each, width).map((part) => line(`  ${part}`)),
          ),
        ];
  const { error, endedAt } = job;
  const ended =
    endedAt === null
      ? []
      : [fact("ended", `${moment(endedAt)}, ${ago(nowMs - endedAt.getTime())}`)];
  return [
    fact("status", statusSpan(job, glyphs)),
    fact("attempts", attemptsOf(job)),
    fact("pool", job.poolId === null ? "none" : `${job.poolId} on ${job.host ?? ""}`),
    ...progressFact(job, glyphs),
    ...(timeOf(job) === "" ? [] : [fact("took", timeOf(job))]),
    ...ended,
    ...text("arguments", job.args),
    ...text(resultTitle(job), job.result?.text ?? null),
    ...(error === null ? [] : text("error", `${error.name}: ${error.message}`)),
    ...text("stack", error?.stack ?? null),
    ...causesOf(error).flatMap((cause) =>
      text("caused by", cause.stack ?? `${cause.name}: ${cause.message}`),
    ),
    ...text("stdout", job.stdout),
    ...text("stderr", job.stderr),
  ];
}

/** Long results are cut: the title shows that, and how to read all of it. */
function resultTitle({ result }: TopJob): string {
  if (!result || result.length <= result.text.length) return "result";
  const shown = plural(result.text.length, "character");
  return `result: the first ${shown} of ${bytes(result.length)}; all of it: pdoflow results`;
}

function progressFact({ progress = null, note = null }: TopJob, glyphs: Glyphs): Line[] {
  if (progress === null) return [];
  const [full, empty] = progressBar(progress, 16, glyphs);
  const text = ` ${percent(progress)} ${harmlessLines(note ?? "")[0] ?? ""}`;
  return [fact("progress", { text: full, tone: "busy" }, { text: empty, tone: "dim" }, text)];
}
