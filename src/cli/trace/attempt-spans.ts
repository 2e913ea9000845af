import * as v from "valibot";

import { contextOf, isTraced, type TraceSpan } from "../../domain/otlp.ts";
import { countOf, type PendingRun } from "../../pool/session/outcome-batch.ts";
import { jobAt, type JobRun } from "../../pool/wire/leased-job.ts";

/** A span, and the posting whose trace context it will be linked to. */
export interface AttemptSpan {
  postingId: number;
  /** A posting of one job is the parent of its attempts. */
  isAlone: boolean;
  span: Omit<TraceSpan, "links" | "parentSpanId">;
}

/** Random ids, and the time of this process. */
export interface TraceSources {
  /** As many hexadecimal digits, at random. */
  randomHex: (digits: number) => string;
  /** Nanoseconds since 1970 at a moment of the performance clock, in ms. */
  nanosAt: (ms: number) => bigint;
}

/** The spans of the traced ones of attempts that have just ended. */
export function spansOf(
  ended: PendingRun,
  run: JobRun,
  share: number,
  { randomHex, nanosAt }: TraceSources,
): AttemptSpan[] {
  const spans: AttemptSpan[] = [];
  const isFailure = ended.state === "failed" || ended.state === "retried";
  const { posting, attempt } = run;
  for (let i = 0; i < countOf(ended); i++) {
    const seq = ended.firstSeq + i;
    if (!isTraced({ posting: posting.id, seq, isFailure }, share)) continue;
    const endedAt = ended.endedAt[i] ?? 0;
    const error = errorOf(ended.errors?.at(i) ?? null);
    spans.push({
      postingId: posting.id,
      isAlone: posting.jobCount === 1,
      span: {
        traceId: randomHex(32),
        spanId: randomHex(16),
        name: `run ${posting.entryPoint}`,
        startNanos: nanosAt(endedAt - (ended.durationsMs[i] ?? 0)),
        endNanos: nanosAt(endedAt),
        attributes: {
          "messaging.system": "pdoflow",
          "messaging.operation.type": "process",
          "messaging.operation.name": "run",
          "messaging.destination.template": posting.entryPoint,
          "messaging.message.id": `${posting.id}/${jobAt(run, i).index}`,
          "pdoflow.posting.id": posting.id,
          "pdoflow.attempt": attempt,
          "pdoflow.state": ended.state,
          ...(error === null ? {} : { "error.type": error.name }),
        },
        error: error?.message ?? null,
      },
    });
  }
  return spans;
}

/** The span in the trace of its posting, if that has one. */
export function linked({ span, isAlone }: AttemptSpan, traceparent: string | undefined): TraceSpan {
  if (traceparent === undefined) return { ...span, links: [] };
  const context = contextOf(traceparent);
  return isAlone
    ? { ...span, traceId: context.traceId, parentSpanId: context.spanId, links: [] }
    : { ...span, links: [context] };
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
