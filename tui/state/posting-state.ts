import { isTolerated } from "../../src/domain/flow-status.ts";
import { kindTexts, listed } from "../../src/domain/edge-text.ts";
import type { TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import type { StateSign } from "../draw/glyphs.ts";
import type { Tone } from "../draw/palette.ts";
import { percent } from "../draw/plot.ts";
import { day } from "../draw/words.ts";
import { stateSpan } from "./columns.ts";

export interface ShownState {
  text: string;
  tone: Tone;
  sign: StateSign;
}

export const endedOf = ({ jobs }: TopPosting): number => jobs.done + jobs.failed + jobs.cancelled;

export const shareOf = (row: TopPosting): number =>
  row.jobCount === 0 ? Number(row.endedAt !== null) : endedOf(row) / row.jobCount;

/** The state as people see it: an open posting is running, blocked, retrying, waiting or later. */
export function shownState(posting: TopPosting): ShownState {
  const { state } = posting;
  switch (state) {
    case "open":
      return openState(posting);
    case "errored_out":
      return { ...textAndTone(state), sign: "stopped" };
    case "paused":
    case "cancelled":
    case "finished":
      return { ...textAndTone(state), sign: state };
  }
}

function openState(posting: TopPosting): ShownState {
  const { jobs, runAt, missing, waits, isBlocked, isSkipped } = posting;
  if (jobs.running > 0) return { text: "running", tone: "busy", sign: "running" };
  if (isBlocked) return { text: "blocked", tone: "bad", sign: "stopped" };
  if (isSkipped) return { text: "skipped", tone: "dim", sign: "waiting" };
  if (waits) return { text: "waiting", tone: "plain", sign: "waiting" };
  if (runAt) return { text: "later", tone: "plain", sign: "waiting" };
  if (missing !== null) return { text: "no pool", tone: "warn", sign: "waiting" };
  return jobs.waiting === 0 && jobs.retrying > 0
    ? { text: "retrying", tone: "warn", sign: "waiting" }
    : { text: "waiting", tone: "plain", sign: "waiting" };
}

const textAndTone = (state: TopPosting["state"]) => {
  const { text, tone = "plain" } = stateSpan(state);
  return { text, tone };
};

/** Finds a posting of the snapshot by its number. */
export type Lookup = (id: number) => TopPosting | undefined;

/** Why a posting waits, or why it was stopped. */
export function noteOf(posting: TopPosting, lookup: Lookup): string {
  const { runAt, reason, missing, endedAt, skippedJobs, waitsFor } = posting;
  if (endedAt !== null) {
    const skipped = skippedJobs === 0 ? [] : [`${skippedJobs.toLocaleString("en")} skipped`];
    return [...(reason === null ? [] : [reason]), ...skipped].join(", ");
  }
  const causes = waitsFor.flatMap(({ cause }) => (cause === null ? [] : [cause]));
  if (causes.length > 0) return listed([...new Set(causes)]);
  const unmet = waitsFor.filter(({ state }) => state === "waiting");
  // An element-wise edge is not met before its upstream has ended: meanwhile, its jobs run.
  if (unmet.length > 0 && reason === null) {
    const texts = unmet.map(
      ({ kind, posting: id }) => kindTexts[kind] + upstreamText(id, posting, lookup),
    );
    return `after ${listed(texts)}`;
  }
  return runAt ? `starts ${day(runAt)}` : (reason ?? missing ?? "");
}

/** `stars (34%)` in the same flow, `41 (34%)` elsewhere, `41 (paused)`. */
function upstreamText(id: number, { flow }: TopPosting, lookup: Lookup): string {
  const upstream = lookup(id);
  if (!upstream) return String(id);
  const isNear = flow !== null && upstream.flow?.id === flow.id;
  const { text } = shownState(upstream);
  const now = text === "paused" || text === "stopped" ? text : percent(shareOf(upstream));
  return `${isNear && upstream.flow ? upstream.flow.stage : id} (${now})`;
}

/** The state of a flow from its stages: that of a stage that goes on, or why none does. */
export function flowState(stages: readonly TopPosting[]): ShownState {
  const one = decisiveStage(stages);
  return one ? shownState(one) : endState(stages);
}

/** Why a flow does not go on, or not as a whole: `stars: 41 has 3 failed jobs`. */
export function flowNote(stages: readonly TopPosting[], lookup: Lookup): string {
  const stuck = stages.find((one) => isGoing(one) && (one.isBlocked || isStopped(one)));
  const one = stuck ?? decisiveStage(stages);
  const note = one && (stuck || one.jobs.running === 0) ? noteOf(one, lookup) : "";
  return note === "" ? "" : `${one?.flow?.stage}: ${note}`;
}

const isGoing = ({ endedAt, isSkipped }: TopPosting) => endedAt === null && !isSkipped;
const isStopped = ({ state }: TopPosting) => state === "errored_out";

/** The stage whose state is that of its flow; undefined if all have ended or are skipped. */
function decisiveStage(stages: readonly TopPosting[]): TopPosting | undefined {
  const going = stages.filter(isGoing);
  return (
    going.find(({ jobs }) => jobs.running > 0) ??
    going.find(({ state, waits, isBlocked }) => state === "open" && !waits && !isBlocked) ??
    going.find(isStopped) ??
    going.find(({ state }) => state === "paused") ??
    going.find(({ isBlocked }) => isBlocked) ??
    going[0]
  );
}

/** Failures count unless the stages that need the stage went on all the same. */
function endState(stages: readonly TopPosting[]): ShownState {
  const edges = stages.map(({ waitsFor }) => ({
    edges: waitsFor.map(({ posting, kind, state }) => ({
      ...{ upstreamId: posting, kind, isMet: state === "met" },
    })),
  }));
  const counting = stages.filter(
    ({ id, endedAt }) => !isTolerated({ id, isEnded: endedAt !== null }, edges),
  );
  const isCancelled = counting.some(({ state }) => state === "cancelled");
  if (!isCancelled && counting.some(({ jobs }) => jobs.failed > 0)) {
    return { text: "failed", tone: "bad", sign: "stopped" };
  }
  const state = isCancelled ? "cancelled" : "finished";
  return { ...textAndTone(state), sign: state };
}
