import { paceOf, type Sample } from "../draw/pace.ts";
import { column, failedSpan, right, type Scene, textColumn } from "./columns.ts";
import { endedStages, foldFlows, type ListRow, rowName, rowNote, rowState } from "./flow-rows.ts";
import { shareOf } from "./posting-state.ts";
import type { Span } from "../draw/frame.ts";
import type { Glyphs } from "../draw/glyphs.ts";
import type { Model } from "./model.ts";
import { percent, progressBar, sparkline } from "../draw/plot.ts";
import type { TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import type { Column } from "../draw/table.ts";
import { widthOf } from "../draw/text.ts";
import { count, rate, time } from "../draw/words.ts";

const pace = (model: Model, { key, posting }: ListRow) =>
  paceOf(model.samples.get(key) ?? [], posting.jobCount);

/** The time until all jobs have ended at the present pace; no number if that is unknown. */
export function etaOf({ model, glyphs }: Scene, row: ListRow): string {
  const { endedAt, state } = row.posting;
  if (endedAt) return "";
  const isStopped = state === "paused" || state === "errored_out";
  if (row.kind !== "flow" && isStopped) return glyphs.none;
  const leftMs = pace(model, row)?.leftMs ?? null;
  return leftMs === null ? glyphs.none : time(leftMs);
}

/** The duration of a posting; if it has not ended, the time since it was posted. */
export const elapsedMs = ({ postedAt, endedAt }: TopPosting, nowMs: number): number =>
  (endedAt?.getTime() ?? nowMs) - postedAt.getTime();

/** The widest that a bar and a curve become. */
const widestBar = 24;

export function postingColumns(scene: Scene): Column<ListRow>[] {
  const { glyphs } = scene;
  const { snapshot } = scene.model;
  const nowMs = snapshot?.at.getTime() ?? 0;
  const { lookup, hasWaiting } = foldFlows(snapshot);
  const priority = ({ posting }: ListRow) =>
    posting.priority === null ? glyphs.none : String(posting.priority);
  const state = (row: ListRow): Span => {
    const { text, tone } = rowState(row);
    return { text, tone };
  };
  // What postings wait for matters more than their entry points.
  const [entryRank, whyRank, whyWidth] = hasWaiting ? [5.5, 2.5, 20] : [3, 12, 4];
  return [
    column(["id", 3, 0], (row) => idSpan(row, glyphs), newestId, {
      ...right,
      wants: (row) => idSpan(row, glyphs).text.length,
      isWhole: true,
    }),
    {
      ...textColumn(["name", 14, 0], rowName),
      wants: nameWidth,
      cell: (row) => nameSpans(row, glyphs),
    },
    textColumn(["entry point", 12, entryRank], workOf, { cuts: "start", tone: "dim" }),
    ...countColumns(scene),
    ...paceColumns(scene),
    column(
      ["elapsed", 7, 9],
      ({ posting }) => time(elapsedMs(posting, nowMs)),
      ({ posting }) => elapsedMs(posting, nowMs),
      right,
    ),
    column(["prio", 4, 10], priority, ({ posting }) => -(posting.priority ?? 0), {
      ...right,
      wants: (row) => priority(row).length,
    }),
    column(["state", 9, 0], state, (row) => rowState(row).text),
    textColumn(["poster", 8, 11], ({ posting }) => posting.poster),
    textColumn(["why", whyWidth, whyRank], (row) => rowNote(row, lookup), {
      widest: 60,
      tone: "warn",
    }),
  ];
}

/** Flows stand where their newest stage would. */
const newestId = ({ posting, stages }: ListRow) => -(stages.at(-1) ?? posting).id;

const workOf = ({ posting }: ListRow) => posting.command ?? posting.entryPoint;

function countColumns({ glyphs }: Scene): Column<ListRow>[] {
  const byShare = ({ posting }: ListRow) => -shareOf(posting);
  return [
    column(["progress", 8, 4], (row, width) => barSpans(row, width, glyphs), byShare, {
      wants: () => widestBar,
      widest: 10,
    }),
    column(["done", 4, 0], ({ posting }) => percent(shareOf(posting)), byShare, right),
    column(
      ["jobs", 7, 6],
      ({ posting }) => count(posting.jobCount),
      ({ posting }) => -posting.jobCount,
      right,
    ),
    column(
      ["failed", 7, 1],
      ({ posting }) => failedSpan(posting.jobs.failed, glyphs),
      failures,
      right,
    ),
    column(
      ["active", 6, 8],
      ({ posting }) => count(posting.jobs.running),
      ({ posting }) => -posting.jobs.running,
      right,
    ),
  ];
}

function paceColumns(scene: Scene): Column<ListRow>[] {
  const { model, glyphs } = scene;
  const perSecond = (row: ListRow) => pace(model, row)?.perSecond ?? 0;
  const leftMs = (row: ListRow) => pace(model, row)?.leftMs ?? Infinity;
  const speed = (row: ListRow): Span => {
    if (row.posting.endedAt) return { text: "" };
    const now = pace(model, row)?.perSecond ?? null;
    if (now === null) return { text: glyphs.none, tone: "dim" };
    return { text: rate(now), tone: now > 0 ? "strong" : "dim" };
  };
  const curve = (row: ListRow, width: number): Span => {
    const values = row.posting.endedAt ? [] : curveOf(model, row, width);
    const isIdle = values.every((value) => value === 0);
    return { text: isIdle ? "" : sparkline(values, width, glyphs), tone: "busy" };
  };
  return [
    column(["jobs/s", 6, 5], speed, (row) => -perSecond(row), right),
    column(["last 60s", 8, 7], curve, (row) => -perSecond(row), {
      wants: () => widestBar,
      widest: 10,
    }),
    column(["left", 6, 2], (row) => etaOf(scene, row), leftMs, right),
  ];
}

const failures = ({ posting }: ListRow) => -posting.jobs.failed;

/** The name, after the sign of the state; the stages of a flow are indented. */
function nameSpans(row: ListRow, { states }: Glyphs): Span[] {
  const { tone, sign } = rowState(row);
  const indent = row.kind === "stage" ? "  " : "";
  return [{ text: `${indent}${states[sign]} `, tone }, { text: rowName(row) }, stagesSpan(row)];
}

const nameWidth = (row: ListRow): number =>
  2 + widthOf(rowName(row)) + stagesSpan(row).text.length + (row.kind === "stage" ? 2 : 0);

/** ` 2/5`: the ended stages of a flow, and all of them. */
function stagesSpan({ kind, stages }: ListRow): Span {
  const text = kind === "flow" ? ` ${endedStages(stages)}/${stages.length}` : "";
  return { text, tone: "strong" };
}

/** The number; before that of a flow a sign that it is folded or open. */
function idSpan({ kind, posting, isOpen }: ListRow, glyphs: Glyphs): Span {
  const sign = kind !== "flow" ? "" : isOpen ? glyphs.unfolded : glyphs.folded;
  return { text: `${sign}${posting.id}`, tone: kind === "flow" ? "title" : "strong" };
}

function barSpans({ posting }: ListRow, width: number, glyphs: Glyphs): Span[] {
  const [full, empty] = progressBar(shareOf(posting), width, glyphs);
  const tone = posting.jobs.failed > 0 ? "warn" : "good";
  return [
    { text: full, tone },
    { text: empty, tone: "dim" },
  ];
}

const curveMs = 60_000;

/** Jobs that ended in each of `width` equal parts of the last minute, the oldest first. */
function curveOf(model: Model, { key }: ListRow, width: number): number[] {
  const samples = model.samples.get(key) ?? [];
  const first = samples[0];
  if (!first || samples.length < 2) return [];
  // The parts begin at round times: the curve moves on as a whole, and does not flicker.
  const partMs = curveMs / width;
  const end = Math.floor((samples.at(-1)?.atMs ?? 0) / partMs) * partMs;
  const parts = Math.min(width, Math.floor((end - first.atMs) / partMs));
  return Array.from({ length: parts }, (_, at) => {
    const fromMs = end - (parts - at) * partMs;
    return Math.max(0, endedAtMs(samples, fromMs + partMs) - endedAtMs(samples, fromMs));
  });
}

/** The number of ended jobs at a moment between two samples, if the pace was even. */
function endedAtMs(samples: readonly Sample[], atMs: number): number {
  const next = samples.findIndex((sample) => sample.atMs >= atMs);
  const [before, after] = [samples[next - 1], samples[next]];
  if (!after) return samples.at(-1)?.ended ?? 0;
  if (!before) return after.ended;
  const share = (atMs - before.atMs) / (after.atMs - before.atMs);
  return before.ended + share * (after.ended - before.ended);
}
