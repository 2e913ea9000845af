import type { JobError } from "../../src/domain/attempt.ts";
import type { Scene } from "../state/columns.ts";
import { failedSpan } from "../state/columns.ts";
import type { Line, Span } from "../draw/frame.ts";
import { line } from "../draw/frame.ts";
import type { JobsPlace, Place } from "../state/model.ts";
import type { Tone } from "../draw/palette.ts";
import type { TopJob } from "../../src/db/dashboard/top-snapshot.ts";
import { type Column, Table } from "../draw/table.ts";
import { harmlessLines, wrap } from "../draw/text.ts";
import { count, span } from "../draw/words.ts";

const tones: Readonly<Record<TopJob["status"], Tone>> = {
  waiting: "plain",
  running: "busy",
  retrying: "warn",
  done: "good",
  failed: "bad",
  cancelled: "dim",
};

const firstLine = ({ error }: TopJob) =>
  error === null ? "" : `${error.name}: ${error.message.split("\n")[0]}`;

function columnsOf(postingId: number): Column<TopJob>[] {
  const right = { side: "right" } as const;
  const order = ({ index }: TopJob) => index;
  return [
    {
      title: "job",
      width: 12,
      rank: 0,
      order,
      cell: ({ index }) => ({ text: `${postingId}/${index}`, tone: "strong" }),
    },
    {
      title: "status",
      width: 9,
      rank: 0,
      order,
      cell: ({ status }) => ({ text: status, tone: tones[status] }),
    },
    {
      title: "tries",
      width: 5,
      rank: 3,
      order,
      ...right,
      cell: ({ attempts }) => ({ text: String(attempts) }),
    },
    {
      title: "took",
      width: 6,
      rank: 2,
      order,
      ...right,
      cell: ({ durationMs }) => ({ text: durationMs === null ? "" : span(durationMs) }),
    },
    { title: "host", width: 10, rank: 4, order, cell: ({ host }) => ({ text: host ?? "" }) },
    {
      title: "arguments and error",
      width: 6,
      rank: 1,
      isFlexible: true,
      order,
      cell: (job) => whatSpans(job),
    },
  ];
}

const whatSpans = (job: TopJob): Span[] =>
  job.error === null
    ? [{ text: job.args, tone: "dim" }]
    : [
        { text: `${firstLine(job)}  `, tone: job.status === "failed" ? "bad" : "warn" },
        { text: job.args, tone: "dim" },
      ];

export function jobsLines({ model, glyphs }: Scene, place: JobsPlace, height: number): Line[] {
  const posting = model.snapshot?.postings.find(({ id }) => id === place.postingId);
  const facts: Span[] = posting
    ? [
        { text: `  ${posting.state}` },
        { text: `  ${count(posting.jobs.done)} of ${count(posting.jobCount)} done  ` },
        failedSpan(posting.jobs.failed, glyphs),
        { text: " failed" },
      ]
    : [];
  const which = place.status === null ? "" : `  only ${place.status}`;
  const table = new Table(columnsOf(place.postingId), model.size.columns, glyphs);
  const lines = [
    line({ text: place.title, tone: "title" }, ...facts, { text: which, tone: "warn" }),
    table.header(undefined, false),
  ];
  const room = height - lines.length;
  if (model.page === null) return [...lines, line({ text: "  reading", tone: "dim" })];
  const { rows } = model.page;
  const top = Math.max(0, Math.min(place.row - Math.floor(room / 2), rows.length - room));
  rows.slice(top, top + room).forEach((row, at) => {
    lines.push(table.row(row, { isChosen: top + at === place.row, isMarked: false }));
  });
  if (rows.length === 0) lines.push(line({ text: "  no such jobs", tone: "dim" }));
  return lines;
}

/** All that is known of one job. */
export function jobLines(
  { model, glyphs }: Scene,
  place: Extract<Place, { kind: "job" }>,
  height: number,
): Line[] {
  const title = line({ text: `job ${place.postingId}/${place.index}`, tone: "title" });
  if (model.job === null) return [title, line({ text: "  reading", tone: "dim" })];
  const width = Math.max(10, model.size.columns - 2);
  const all = factLines(model.job, width);
  const room = Math.max(1, height - 2);
  const last = Math.max(0, all.length - room);
  const top = place.isFollowed ? last : Math.min(place.top, last);
  const part =
    all.length <= room
      ? ""
      : `  ${top + 1} to ${Math.min(all.length, top + room)} of ${all.length} lines`;
  const rule = glyphs.rule.repeat(model.size.columns);
  const follows = place.isFollowed ? "  following" : "";
  return [
    { spans: [...title.spans, { text: `${part}${follows}`, tone: "dim" }] },
    line({ text: rule, tone: "dim" }),
    ...all.slice(top, top + room),
  ];
}

/** What an error came from, and that from; those that it gathers. */
function causesOf(error: JobError | null): JobError[] {
  const below = [...(error?.cause ? [error.cause] : []), ...(error?.errors ?? [])];
  return below.flatMap((each) => [each, ...causesOf(each)]);
}

function factLines(job: TopJob, width: number): Line[] {
  const fact = (name: string, ...spans: (Span | string)[]) =>
    line({ text: ` ${name.padEnd(10)}`, tone: "dim" }, ...spans);
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
  const { error } = job;
  const progressFact = ({ progress = null, note = null }: TopJob): Line[] =>
    progress === null
      ? []
      : [fact("progress", `${Math.floor(100 * progress)} % ${harmlessLines(note ?? "")[0] ?? ""}`)];
  return [
    fact("status", { text: job.status, tone: tones[job.status] }),
    fact("attempts", String(job.attempts)),
    fact("pool", job.poolId === null ? "none" : `${job.poolId} on ${job.host ?? ""}`),
    ...progressFact(job),
    ...(job.durationMs === null ? [] : [fact("took", span(job.durationMs))]),
    ...(job.endedAt === null ? [] : [fact("ended", job.endedAt.toISOString())]),
    ...text("arguments", job.args),
    ...(error === null ? [] : text("error", `${error.name}: ${error.message}`)),
    ...text("stack", error?.stack ?? null),
    ...causesOf(error).flatMap((cause) =>
      text("caused by", cause.stack ?? `${cause.name}: ${cause.message}`),
    ),
    ...text("stdout", job.stdout),
    ...text("stderr", job.stderr),
  ];
}
