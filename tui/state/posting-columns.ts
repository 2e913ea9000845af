import { paceOf, type Sample } from "../draw/pace.ts";
import {
  column,
  failedSpan,
  idColumn,
  right,
  type Scene,
  stateSpan,
  textColumn,
} from "./columns.ts";
import type { Span } from "../draw/frame.ts";
import type { Glyphs, StateSign } from "../draw/glyphs.ts";
import type { Model } from "./model.ts";
import type { Tone } from "../draw/palette.ts";
import { percent, progressBar, sparkline } from "../draw/plot.ts";
import type { TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import type { Column } from "../draw/table.ts";
import { widthOf } from "../draw/text.ts";
import { count, day, rate, time } from "../draw/words.ts";

export const endedOf = ({ jobs }: TopPosting): number => jobs.done + jobs.failed + jobs.cancelled;

export const shareOf = (row: TopPosting): number =>
  row.jobCount === 0 ? 1 : endedOf(row) / row.jobCount;

const pace = (model: Model, { id, jobCount }: TopPosting) =>
  paceOf(model.samples.get(id) ?? [], jobCount);

/** The time until all jobs have ended at the present pace; no number if that is unknown. */
export function etaOf({ model, glyphs }: Scene, posting: TopPosting): string {
  if (posting.endedAt) return "";
  if (posting.state === "paused" || posting.state === "errored_out") return glyphs.none;
  const leftMs = pace(model, posting)?.leftMs ?? null;
  return leftMs === null ? glyphs.none : time(leftMs);
}

/** The duration of a posting; if it has not ended, the time since it was posted. */
export const elapsedMs = ({ postedAt, endedAt }: TopPosting, nowMs: number): number =>
  (endedAt?.getTime() ?? nowMs) - postedAt.getTime();

interface ShownState {
  text: string;
  tone: Tone;
  sign: StateSign;
}

/** The state as people see it: an open posting is running, retrying, waiting or later. */
export function shownState({ state, jobs, runAt, missing }: TopPosting): ShownState {
  switch (state) {
    case "open":
      if (runAt) return { text: "later", tone: "plain", sign: "waiting" };
      if (jobs.running > 0) return { text: "running", tone: "busy", sign: "running" };
      if (missing !== null) return { text: "no pool", tone: "warn", sign: "waiting" };
      return jobs.waiting === 0 && jobs.retrying > 0
        ? { text: "retrying", tone: "warn", sign: "waiting" }
        : { text: "waiting", tone: "plain", sign: "waiting" };
    case "errored_out":
      return { ...textAndTone(state), sign: "stopped" };
    case "paused":
    case "cancelled":
    case "finished":
      return { ...textAndTone(state), sign: state };
  }
}

const textAndTone = (state: TopPosting["state"]) => {
  const { text, tone = "plain" } = stateSpan(state);
  return { text, tone };
};

/** Why a posting waits, or why it was stopped. */
export const noteOf = ({ runAt, reason, missing, endedAt }: TopPosting): string =>
  runAt && endedAt === null ? `starts ${day(runAt)}` : (reason ?? missing ?? "");

/** The widest that a bar and a curve become. */
const widestBar = 24;

export function postingColumns(scene: Scene): Column<TopPosting>[] {
  const { glyphs } = scene;
  const nowMs = scene.model.snapshot?.at.getTime() ?? 0;
  const priority = (row: TopPosting) =>
    row.priority === null ? glyphs.none : String(row.priority);
  const state = (row: TopPosting): Span => {
    const { text, tone } = shownState(row);
    return { text, tone };
  };
  return [
    idColumn(["id", 3, 0], ({ id }) => id),
    {
      ...textColumn(["name", 14, 0], nameOf),
      wants: (row) => widthOf(nameOf(row)) + 2,
      cell: (row) => nameSpans(row, glyphs),
    },
    textColumn(["entry point", 12, 3], ({ entryPoint, command }) => command ?? entryPoint, {
      cuts: "start",
      tone: "dim",
    }),
    ...countColumns(scene),
    ...paceColumns(scene),
    column(
      ["elapsed", 7, 9],
      (row) => time(elapsedMs(row, nowMs)),
      (row) => elapsedMs(row, nowMs),
      right,
    ),
    column(["prio", 4, 10], priority, (row) => -(row.priority ?? 0), {
      ...right,
      wants: (row) => priority(row).length,
    }),
    column(["state", 9, 0], state, (row) => shownState(row).text),
    textColumn(["poster", 8, 11], ({ poster }) => poster),
    textColumn(["why", 4, 12], noteOf, { widest: 60, tone: "warn" }),
  ];
}

function countColumns({ glyphs }: Scene): Column<TopPosting>[] {
  const byShare = (row: TopPosting) => -shareOf(row);
  return [
    column(["progress", 8, 4], (row, width) => barSpans(row, width, glyphs), byShare, {
      wants: () => widestBar,
      widest: 10,
    }),
    column(["done", 4, 0], (row) => percent(shareOf(row)), byShare, right),
    column(
      ["jobs", 7, 6],
      ({ jobCount }) => count(jobCount),
      (row) => -row.jobCount,
      right,
    ),
    column(["failed", 7, 1], ({ jobs }) => failedSpan(jobs.failed, glyphs), failures, right),
    column(
      ["active", 6, 8],
      ({ jobs }) => count(jobs.running),
      ({ jobs }) => -jobs.running,
      right,
    ),
  ];
}

function paceColumns(scene: Scene): Column<TopPosting>[] {
  const { model, glyphs } = scene;
  const perSecond = (row: TopPosting) => pace(model, row)?.perSecond ?? 0;
  const leftMs = (row: TopPosting) => pace(model, row)?.leftMs ?? Infinity;
  const speed = (row: TopPosting): Span => {
    if (row.endedAt) return { text: "" };
    const now = pace(model, row)?.perSecond ?? null;
    if (now === null) return { text: glyphs.none, tone: "dim" };
    return { text: rate(now), tone: now > 0 ? "strong" : "dim" };
  };
  const curve = (row: TopPosting, width: number): Span => {
    const values = row.endedAt ? [] : curveOf(model, row, width);
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

const failures = ({ jobs }: TopPosting) => -jobs.failed;

const nameOf = ({ name, command, entryPoint }: TopPosting): string => name ?? command ?? entryPoint;

function nameSpans(row: TopPosting, { states }: Glyphs): Span[] {
  const { tone, sign } = shownState(row);
  return [{ text: `${states[sign]} `, tone }, { text: nameOf(row) }];
}

function barSpans(row: TopPosting, width: number, glyphs: Glyphs): Span[] {
  const [full, empty] = progressBar(shareOf(row), width, glyphs);
  const tone = row.jobs.failed > 0 ? "warn" : "good";
  return [
    { text: full, tone },
    { text: empty, tone: "dim" },
  ];
}

const curveMs = 60_000;

/** Jobs that ended in each of `width` equal parts of the last minute, the oldest first. */
function curveOf(model: Model, { id }: TopPosting, width: number): number[] {
  const samples = model.samples.get(id) ?? [];
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
