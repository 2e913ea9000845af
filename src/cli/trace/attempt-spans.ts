import * as v from "valibot";

import { attemptTrace, type PoolTrace, postingTrace } from "../../job/attempt-trace.ts";
import type { TraceSpan } from "../../domain/otlp.ts";
import { tracedJobs } from "../../domain/trace-sampler.ts";
import { countOf, type PendingRun } from "../../pool/session/outcome-batch.ts";
import type { JobRun } from "../../pool/wire/leased-job.ts";

/** Longer errors are cut: thousands of spans may wait. */
const messageMax = 1_000;

/** Nanoseconds since 1970 at a moment of the performance clock, in ms. */
type NanosAt = (ms: number) => bigint;

/** The spans of the traced ones of attempts that have just ended. */
export function spansOf(
  ended: PendingRun,
  run: JobRun,
  trace: PoolTrace,
  nanosAt: NanosAt,
): TraceSpan[] {
  const spans: TraceSpan[] = [];
  const isFailure = ended.state === "failed" || ended.state === "retried";
  const { posting, attempt } = run;
  const ofPosting = postingTrace(posting);
  const sampled = { posting: posting.id, ...ofPosting, isFailure };
  const isTraced = tracedJobs(sampled, trace.sampler);
  for (let i = 0; i < countOf(ended); i++) {
    const index = run.indexes?.[i] ?? run.firstSeq + i;
    if (!isTraced(index)) continue;
    const job = { posting: posting.id, index, attempt };
    const endedAt = ended.endedAt[i] ?? 0;
    const error = errorOf(ended.errors?.at(i) ?? null);
    spans.push({
      ...attemptTrace(trace, ofPosting, job),
      name: `run ${posting.entryPoint}`,
      startNanos: nanosAt(endedAt - (ended.durationsMs[i] ?? 0)),
      endNanos: nanosAt(endedAt),
      attributes: {
        "messaging.system": "pdoflow",
        "messaging.operation.type": "process",
        "messaging.operation.name": "run",
        "messaging.destination.template": posting.entryPoint,
        "messaging.message.id": `${posting.id}/${index}`,
        "pdoflow.posting.id": posting.id,
        "pdoflow.attempt": attempt,
        "pdoflow.state": ended.state,
        ...(error === null ? {} : { "error.type": error.name.slice(0, messageMax) }),
      },
      error: error?.message.slice(0, messageMax) ?? null,
    });
  }
  return spans;
}

const RecordedError = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ name: v.fallback(v.string(), "Error"), message: v.fallback(v.string(), "") }),
);

/** The name and the message of the error of an attempt, which user code may have forged. */
function errorOf(text: string | null): { name: string; message: string } | null {
  if (text === null) return null;
  const parsed = v.safeParse(RecordedError, text);
  return parsed.success ? parsed.output : { name: "Error", message: "" };
}
