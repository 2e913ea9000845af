import { createHash } from "node:crypto";

import { contextOf, type TraceContext } from "../domain/otlp.ts";
import { isTraced, type TraceSampler } from "../domain/trace-sampler.ts";

/** How a pool traces. */
export interface PoolTrace {
  /** Random, so that no two pools make the same ids. */
  seed: string;
  sampler: TraceSampler;
}

/** The trace that the jobs of a posting belong to. */
export interface PostingTrace {
  traceparent: string | null;
  /** Whether the posting has one job: then its attempts are children, else they link. */
  isAlone: boolean;
}

/** What a worker needs to know of the traces of jobs; without a pool that traces, only theirs. */
export interface RunTrace extends PostingTrace {
  pool: PoolTrace | null;
}

interface TracedPosting {
  traceparent: string | null;
  jobCount: number;
}

export const postingTrace = ({ traceparent, jobCount }: TracedPosting): PostingTrace => ({
  traceparent,
  isAlone: jobCount === 1,
});

/** For the jobs of a posting; null if neither they nor their pool have a trace. */
export const runTrace = (posting: TracedPosting, pool: PoolTrace | null): RunTrace | null =>
  posting.traceparent === null && pool === null ? null : { ...postingTrace(posting), pool };

interface Attempt {
  posting: number;
  index: number;
  attempt: number;
}

/** The ids of the span of an attempt, and how it belongs to the trace of its posting. */
export interface AttemptTrace extends TraceContext {
  parentSpanId?: string;
  links: TraceContext[];
}

/**
 * Pools and workers compute the same ids, so that none are passed between them: user code gets the
 * context of a span that its pool sends later, if at all.
 */
export function attemptTrace(
  { seed }: PoolTrace,
  { traceparent, isAlone }: PostingTrace,
  { posting, index, attempt }: Attempt,
): AttemptTrace {
  const text = [seed, posting, index, attempt].join(" ");
  const digits = createHash("sha256").update(text).digest("hex");
  const [traceId, spanId] = [digits.slice(0, 32), digits.slice(32, 48)];
  if (traceparent === null) return { traceId, spanId, links: [] };
  const parent = contextOf(traceparent);
  return isAlone
    ? { traceId: parent.traceId, spanId, parentSpanId: parent.spanId, links: [] }
    : { traceId, spanId, links: [parent] };
}

/**
 * The W3C trace context of a running attempt, for its code: of the span of the attempt or, if its
 * pool does not trace, of its posting; null if that has none. Sampled, unless the span will be sent
 * only if the attempt fails.
 */
export function runningTraceparent({ pool, ...trace }: RunTrace, job: Attempt): string | null {
  if (pool === null) return trace.traceparent;
  const { traceId, spanId } = attemptTrace(pool, trace, job);
  const isSampled = isTraced({ ...job, ...trace, isFailure: false }, pool.sampler);
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}
