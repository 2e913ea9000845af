import type { FlowNode } from "./flow-graph.ts";
import { isTolerated, stageState, type StageStatus } from "./flow-status.ts";

/** A stage of a flow file, compared with how it was posted. */
export interface ComparedStage extends FlowNode {
  /** What has changed since it was posted; null if it was not posted. */
  differences: readonly string[] | null;
}

/** Whether a stage stays as it is, and why. */
export interface StagePlan {
  isKept: boolean;
  /** A phrase such as "done and unchanged". */
  why: string;
}

/**
 * Decides which stages of a flow, given in topological order, are posted again: changed, failed
 * and cancelled ones, and all that wait for them.
 */
export function resumePlan(
  stages: readonly ComparedStage[],
  statuses: readonly StageStatus[],
): ReadonlyMap<string, StagePlan> {
  const byName = new Map(statuses.map((status) => [status.stage, status]));
  const plans = new Map<string, StagePlan>();
  for (const stage of stages) {
    const changed = stage.upstreams.filter((link) => plans.get(link.stage)?.isKept === false);
    const status = byName.get(stage.name);
    plans.set(stage.name, planOf(stage, changed[0]?.stage, status, statuses));
  }
  return plans;
}

function planOf(
  { differences }: ComparedStage,
  upstream: string | undefined,
  status: StageStatus | undefined,
  all: readonly StageStatus[],
): StagePlan {
  const runs = (why: string) => ({ isKept: false, why });
  if (status === undefined || differences === null) return runs("it is new");
  if (differences.length > 0) return runs(differences.join("; "));
  if (upstream !== undefined) return runs(`${upstream}, which it waits for, runs again`);
  const state = stageState(status);
  switch (state) {
    case "failed":
      if (isTolerated(status, all)) return { isKept: true, why: "ended and unchanged" };
      return runs(`${status.jobs.failed.toLocaleString("en")} of its jobs failed`);
    case "stopped":
    case "cancelled":
      return runs(`it was ${state}: ${status.reason ?? "no reason given"}`);
    default:
      return { isKept: true, why: `${state} and unchanged` };
  }
}
