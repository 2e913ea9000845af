import { paceOf } from "../../src/domain/pace.ts";
import { column, failedSpan, flexible, right, type Scene, stateSpan } from "./columns.ts";
import type { Span } from "../draw/frame.ts";
import type { Glyphs } from "../draw/glyphs.ts";
import type { Model } from "./model.ts";
import { progressBar } from "../draw/plot.ts";
import type { TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import type { Column } from "../draw/table.ts";
import { count, rate, span } from "../draw/words.ts";

export const endedOf = ({ jobs }: TopPosting): number => jobs.done + jobs.failed + jobs.cancelled;

const pace = (model: Model, { id, jobCount }: TopPosting) =>
  paceOf(model.samples.get(id) ?? [], jobCount);

/** When all of it will have ended, for a person: no number where none is known. */
export function etaOf({ model, glyphs }: Scene, posting: TopPosting): string {
  if (posting.endedAt) return "";
  if (posting.state === "paused") return "paused";
  if (posting.state === "errored_out") return "stopped";
  const leftMs = pace(model, posting)?.leftMs ?? null;
  return leftMs === null ? glyphs.none : span(leftMs);
}

export function postingColumns(scene: Scene): Column<TopPosting>[] {
  const { model, glyphs } = scene;
  const nowMs = model.snapshot?.at.getTime() ?? 0;
  const share = (row: TopPosting) => endedOf(row) / Math.max(1, row.jobCount);
  const perSecond = (row: TopPosting) => pace(model, row)?.perSecond ?? 0;
  const leftMs = (row: TopPosting) => pace(model, row)?.leftMs ?? Infinity;
  const priority = (row: TopPosting) =>
    row.priority === null ? glyphs.none : String(row.priority);
  const number = ({ id }: TopPosting): Span => ({ text: String(id), tone: "strong" });
  const speed = (row: TopPosting) => (row.endedAt ? "" : rate(perSecond(row)));
  const age = ({ postedAt }: TopPosting) => span(nowMs - postedAt.getTime());
  return [
    column(["id", 6, 0], number, ({ id }) => -id, right),
    column(["what", 8, 0], nameSpans, (row) => row.name ?? row.entryPoint, flexible),
    column(
      ["progress", 14, 3],
      (row, width) => barSpans(row, width, glyphs),
      (row) => -share(row),
    ),
    column(
      ["done", 7, 5],
      ({ jobs }) => count(jobs.done),
      ({ jobs }) => -jobs.done,
      right,
    ),
    column(
      ["jobs", 7, 2],
      ({ jobCount }) => count(jobCount),
      (row) => -row.jobCount,
      right,
    ),
    column(["failed", 8, 1], ({ jobs }) => failedSpan(jobs.failed, glyphs), failures, right),
    column(
      ["run", 6, 6],
      ({ jobs }) => count(jobs.running),
      ({ jobs }) => -jobs.running,
      right,
    ),
    column(["jobs/s", 7, 4], speed, (row) => -perSecond(row), right),
    column(["left", 7, 2], (row) => etaOf(scene, row), leftMs, right),
    column(["age", 6, 7], age, ({ postedAt }) => postedAt.getTime(), right),
    column(["prio", 6, 8], priority, (row) => -(row.priority ?? 0), right),
    column(
      ["state", 9, 0],
      ({ state }) => stateSpan(state),
      ({ state }) => state,
    ),
    column(
      ["poster", 10, 9],
      ({ poster }) => poster,
      ({ poster }) => poster,
    ),
  ];
}

const failures = ({ jobs }: TopPosting) => -jobs.failed;

const nameSpans = ({ name, entryPoint }: TopPosting): Span[] =>
  name === null
    ? [{ text: entryPoint }]
    : [{ text: name }, { text: ` ${entryPoint}`, tone: "dim" }];

function barSpans(row: TopPosting, width: number, glyphs: Glyphs): Span[] {
  const share = row.jobCount === 0 ? 1 : endedOf(row) / row.jobCount;
  const [full, empty] = progressBar(share, width - 5, glyphs);
  // Only what is whole is called so.
  const percent = share >= 1 ? 100 : Math.min(99, Math.floor(share * 100));
  const tone = row.jobs.failed > 0 ? "warn" : "good";
  return [{ text: full, tone }, { text: empty, tone: "dim" }, { text: `${percent}%`.padStart(5) }];
}
