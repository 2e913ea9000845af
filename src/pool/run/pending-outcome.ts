import { type AttemptState, outcomeState, retryDelayMs } from "../../domain/attempt.ts";
import type { LeasedJob } from "../wire/leased-job.ts";
import type { AttemptResult, AttemptDetails, Output } from "../wire/ends.ts";
import type { PendingOutcome, PendingRun } from "../session/outcome-batch.ts";
import type { DoneAttempts, Termination } from "./runner.ts";

/**
 * The end of an attempt, for the recorder. `now` is of the performance clock, `random` in [0, 1).
 */
export function pendingOutcome(
  { leaseId, posting, seq, attempt }: LeasedJob,
  kind: AttemptState,
  { durationMs, agoMs, text, retry, output, slot, usage }: AttemptDetails,
  { workerPid, now, random }: { workerPid: number; now: number; random: number },
): PendingOutcome {
  const state = outcomeState(kind, attempt, retry === "never" ? attempt : posting.maxAttempts);
  const delayMs =
    typeof retry === "number" ? retry : retryDelayMs(posting.backoffMs, attempt, random);
  return {
    leaseId,
    postingId: posting.id,
    seq,
    attempt,
    state,
    durationMs,
    workerPid,
    slot,
    ageMs: agoMs,
    endedAt: now - agoMs,
    jobCount: posting.jobCount,
    routeId: posting.routeId,
    entryPoint: posting.entryPoint,
    result: kind === "done" ? text : null,
    error: kind === "done" ? null : text,
    stdout: output?.stdout ?? null,
    stderr: output?.stderr ?? null,
    whole: output?.whole,
    delayMs: state === "retried" ? delayMs : null,
    usage,
  };
}

/** Attempts that are done, for the recorder. */
export function pendingRun(
  { run, agosMs, ...columns }: DoneAttempts,
  { workerPid, now }: { workerPid: number; now: number },
): PendingRun {
  const { leaseId, posting, firstSeq, attempt } = run;
  const endedAt = new Float64Array(agosMs.length);
  for (let i = 0; i < endedAt.length; i++) endedAt[i] = now - (agosMs[i] ?? 0);
  return {
    ...{ leaseId, postingId: posting.id, attempt, workerPid, state: "done", firstSeq },
    ...{ ...columns, endedAt, delaysMs: null, errors: null, jobCount: posting.jobCount },
    ...{ routeId: posting.routeId, entryPoint: posting.entryPoint },
  };
}

/** The end of a job that threw while it was being stopped: the reason, with its error as cause. */
export const stoppedResult = ({ error }: Termination, end: AttemptResult): AttemptDetails => ({
  ...end,
  // As text, because JSON from a worker is not trusted, and not parsed here.
  text: `${JSON.stringify(error).slice(0, -1)},"cause":${end.text ?? "null"}}`,
});

/** The end of a job whose worker died or was killed, after `durationMs`. */
export const lostResult = (
  { job, error }: Termination,
  durationMs: number,
  output: Output,
): AttemptDetails => ({
  durationMs,
  agoMs: 0,
  text: JSON.stringify(error),
  retry: null,
  output: job.posting.keepsOutput === "none" ? { ...output, stdout: null, stderr: null } : output,
});
