import type { FlowLink } from "./flow-graph.ts";
import type { JobCounts, PostingState } from "./states.ts";

/** An edge of a posting, as it is now. */
export interface EdgeStatus {
  upstreamId: number;
  kind: string;
  isMet: boolean;
}

/** Why a waiting posting cannot go on at present. */
export interface Obstacle {
  kind: string;
  reason: string;
  /** Whether the upstream has ended: then only a person can repair it. */
  hasEnded: boolean;
}

/** The newest posting of a stage, and what it waits for. */
export interface StageStatus {
  stage: string;
  id: number;
  entryPoint: string;
  state: PostingState;
  isEnded: boolean;
  /** Whether an edge of it is not met. */
  waits: boolean;
  /** Whether it is neither cancelled nor run, if it is blocked. */
  isHeld: boolean;
  reason: string | null;
  jobCount: number;
  jobs: JobCounts;
  edges: readonly EdgeStatus[];
  /** Why it is blocked; empty if it is not. */
  obstacles: readonly Obstacle[];
}

export const stageStates = [
  "waiting",
  "blocked",
  "skipped",
  "open",
  "running",
  "paused",
  "stopped",
  "done",
  "failed",
  "cancelled",
] as const;
export type StageState = (typeof stageStates)[number];

/** One word for the state of a stage. */
export function stageState(one: StageStatus): StageState {
  const { state, jobs, obstacles } = one;
  if (state === "cancelled") return "cancelled";
  if (one.isEnded) return jobs.failed > 0 ? "failed" : "done";
  if (state === "errored_out") return "stopped";
  if (one.waits && obstacles.length > 0) {
    return obstacles.every(isNotNeeded) ? "skipped" : "blocked";
  }
  if (one.waits) return "waiting";
  if (state === "paused") return "paused";
  return jobs.running > 0 ? "running" : "open";
}

/** It waits for a failure, and there was none. */
const isNotNeeded = ({ kind, hasEnded }: Obstacle) => kind === "failed" && hasEnded;

export const flowStates = ["running", "paused", "stuck", "failed", "cancelled", "done"] as const;
export type FlowState = (typeof flowStates)[number];

/**
 * One word for the state of a flow: stuck if nothing of it goes on although stages have not ended,
 * failed or cancelled if it has ended with such jobs that no stage after them tolerates.
 */
export function flowState(stages: readonly StageStatus[]): FlowState {
  const going = stages.filter((one) => goesOn(one, stages));
  if (going.some((one) => stageState(one) !== "paused" && !one.waits)) return "running";
  if (going.length > 0) return going.some(isPaused) ? "paused" : "running";
  const states = stages.filter((one) => !isTolerated(one, stages)).map(stageState);
  if (states.includes("blocked") || states.includes("stopped") || states.includes("waiting")) {
    return "stuck";
  }
  if (states.includes("failed")) return "failed";
  return states.includes("cancelled") ? "cancelled" : "done";
}

const isPaused = (one: StageStatus) => stageState(one) === "paused";

/** Whether nothing of a flow can go on until a person changes something. */
export const isOver = (stages: readonly StageStatus[]): boolean =>
  !stages.some((one) => goesOn(one, stages));

/** Whether a stage will go on by itself. One that is paused may be resumed at any time. */
function goesOn(one: StageStatus, stages: readonly StageStatus[], seen = new Set<number>()) {
  if (one.isEnded || seen.has(one.id)) return false;
  const state = stageState(one);
  if (state === "stopped") return false;
  if (state === "blocked" || state === "skipped") return !one.isHeld;
  if (state !== "waiting") return true;
  const within = new Set(seen).add(one.id);
  return one.edges.every(({ upstreamId, isMet }): boolean => {
    const upstream = stages.find(({ id }) => id === upstreamId);
    // An edge to an ended posting is checked within seconds; of other flows nothing is known.
    return isMet || upstream === undefined || upstream.isEnded || goesOn(upstream, stages, within);
  });
}

/** Whether a stage ended with failed jobs, and all stages that need it go on all the same. */
export function isTolerated(
  { id, isEnded }: Pick<StageStatus, "id" | "isEnded">,
  stages: readonly Pick<StageStatus, "edges">[],
): boolean {
  const needed = stages
    .flatMap(({ edges }) => edges)
    .filter(({ upstreamId, kind }) => upstreamId === id && kind === "after");
  return isEnded && needed.length > 0 && needed.every(({ isMet }) => isMet);
}

/** The option of `post` for a kind of edge. */
const optionOf = (kind: string) => (["after", "over"].includes(kind) ? kind : `after-${kind}`);

/** The stages that each stage waits for, from its edges. */
export function linksOf({ edges }: StageStatus, stages: readonly StageStatus[]): FlowLink[] {
  return edges.flatMap(({ upstreamId, kind }) => {
    const upstream = stages.find(({ id }) => id === upstreamId);
    return upstream ? [{ stage: upstream.stage, kind: optionOf(kind) }] : [];
  });
}

/** The state of a stage, with what keeps it from going on: "blocked (41 has 3 failed jobs)". */
export function stateWithReason(one: StageStatus): string {
  const state = stageState(one);
  const reasons =
    state === "blocked" || state === "skipped"
      ? one.obstacles.map(({ reason }) => reason)
      : state === "stopped" || state === "cancelled"
        ? [one.reason ?? []].flat()
        : [];
  return reasons.length === 0 ? state : `${state} (${reasons.join("; ")})`;
}
