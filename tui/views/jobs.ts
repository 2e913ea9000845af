import { causesOf } from "../../src/domain/error-causes.ts";
import { type Scene, failedSpan } from "../state/columns.ts";
import { attemptsOf, jobColumns, statusSpan, timeOf } from "../state/job-columns.ts";
import { shareOf, shownState } from "../state/posting-state.ts";
import { type Line, type Span, line } from "../draw/frame.ts";
import type { Glyphs } from "../draw/glyphs.ts";
import { isSearch, type JobsView, type Model, type View } from "../state/model.ts";
import { percent, progressBar } from "../draw/plot.ts";
import type { JobsPage, TopJob } from "../../src/db/dashboard/top-snapshot.ts";
import { Table } from "../draw/table.ts";
import { harmlessLines, wrap } from "../draw/text.ts";
import { ago, bytes, count, moment, plural, span } from "../draw/words.ts";
import { fact, scrolled } from "./details.ts";

export function jobsLines({ model, glyphs }: Scene, view: JobsView, height: number): Line[] {
  const { page, size } = model;
  const columns = jobColumns(view.postingId, glyphs);
  const table = new Table(columns, page?.rows ?? [], { width: size.columns, glyphs });
  const header = table.header(columns[view.sortedBy - 1], view.isReversed);
  const lines = [jobsTitle({ model, glyphs }, view), header];
  const room = height - lines.length;
  if (page === null) return [...lines, line({ text: "  reading", tone: "dim" })];
  const { rows } = page;
  const top = Math.max(0, Math.min(view.row - Math.floor(room / 2), rows.length - room));
  rows.slice(top, top + room).forEach((row, at) => {
    lines.push(table.row(row, { isChosen: top + at === view.row, isMarked: false }));
  });
  if (rows.length === 0) lines.push(emptyLine(view, page));
  return lines;
}

function emptyLine({ status, words }: JobsView, { next }: JobsPage): Line {
  if (words !== "") {
    const more = next === null ? "" : ", PgDn to search later jobs";
    return line({
      text: `  Nothing matches the filter. Press Esc to remove it${more}.`,
      tone: "warn",
    });
  }
  return status === "failed"
    ? line("  No failed jobs. Press ", { text: "F", tone: "key" }, " to see all jobs.")
    : line({ text: "  no jobs", tone: "dim" });
}

function jobsTitle({ model, glyphs }: Scene, view: JobsView): Line {
  const posting = model.snapshot?.postings.find(({ id }) => id === view.postingId);
  const only = (view.status === null ? "" : `  only ${view.status} jobs`) + partOf(model, view);
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

/** Which jobs were searched or sorted, if these are not all. */
function partOf({ page }: Model, view: JobsView): string {
  if (page === null || !isSearch(view) || (view.from === 0 && page.next === null)) return "";
  return `  among jobs ${count(view.from)} to ${count(page.end - 1)}`;
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
    ...(usedText(job) === "" ? [] : [fact("used", usedText(job))]),
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

/** "1.2s CPU, 58M memory, 1.5K read, 0B written"; without what was not measured. */
function usedText(job: TopJob): string {
  const { cpuUserMs = null, cpuSystemMs = null, peakBytes = null } = job;
  const { readBytes = null, writtenBytes = null } = job;
  const cpu = cpuUserMs === null || cpuSystemMs === null ? null : span(cpuUserMs + cpuSystemMs);
  const size = (value: number | null) => (value === null ? null : bytes(value));
  const parts = [
    [cpu, "CPU"],
    [size(peakBytes), "memory"],
    [size(readBytes), "read"],
    [size(writtenBytes), "written"],
  ];
  return parts.flatMap(([value, name]) => (value === null ? [] : `${value} ${name}`)).join(", ");
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
