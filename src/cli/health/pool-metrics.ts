import { durationLimits } from "../../db/dashboard/histogram.ts";
import type { Metric } from "../../domain/metric-text.ts";
import type { PoolFigures } from "../../pool/figures.ts";
import type { DurationCounts } from "../../pool/session/meter.ts";
import { byLabel, counter, gauge } from "./metric-parts.ts";
import { processMetrics, type ProcessFigures } from "./process-metrics.ts";

/** Spans of attempts since the start, by what became of them. */
export interface SpanCounts {
  sent: number;
  dropped: number;
}

/** The moment and the process of a scrape. */
export interface ScrapeContext {
  version: string;
  process: ProcessFigures;
  /** In seconds since 1970. */
  now: number;
  /** Null if the pool sends no traces. */
  spans: SpanCounts | null;
}

/** The metrics of a pool (docs/metrics.md). No label is from a job, a posting or a user. */
export const poolMetrics = (figures: PoolFigures, context: ScrapeContext): Metric[] => [
  ...stateMetrics(figures, context),
  ...jobMetrics(figures),
  ...databaseMetrics(figures, context.now),
  ...(context.spans === null ? [] : [spanMetric(context.spans)]),
  ...processMetrics(context.process),
];

const stateMetrics = ({ isReady, slots, busy }: PoolFigures, { version }: ScrapeContext) => [
  byLabel("gauge", "pdoflow_pool_info", "The version of the pool.", "version", { [version]: 1 }),
  gauge("pdoflow_pool_ready", "Whether the pool claims jobs.", Number(isReady)),
  gauge("pdoflow_pool_slots", "Worker slots.", slots),
  gauge("pdoflow_pool_busy_slots", "Worker slots that have a job.", busy),
];

const jobMetrics = ({ meter, attempts, backlog }: PoolFigures): Metric[] => [
  byLabel("counter", "pdoflow_pool_attempts_total", "Ended attempts, by result.", "state", {
    done: attempts.done,
    failed: attempts.failed,
    retried: attempts.retried,
    cancelled: attempts.cancelled,
  }),
  histogram(
    "pdoflow_pool_attempt_duration_seconds",
    "Durations of recorded attempts, up to the last heartbeat.",
    meter.attemptMs,
  ),
  histogram(
    "pdoflow_pool_attempt_wait_seconds",
    "How long first attempts had waited, up to the last heartbeat; of a sample, scaled up.",
    { sumMs: meter.waitMs.sumMs, counts: wholeSums(meter.waitMs.counts) },
  ),
  byLabel(
    "counter",
    "pdoflow_pool_terminated_attempts_total",
    "Attempts that were ended, or whose worker died, by reason.",
    "reason",
    meter.terminations,
  ),
  counter(
    "pdoflow_pool_outcomes_refused_total",
    "Outcomes that were refused because the lease had ended.",
    attempts.refused,
  ),
  gauge("pdoflow_pool_outcomes_buffered", "Outcomes to be written.", backlog.outcomes),
  gauge("pdoflow_pool_outcomes_buffered_bytes", "The size of their texts.", backlog.bytes),
];

const databaseMetrics = (
  { meter, connected, connectionLosses, beatAgoMs }: PoolFigures,
  now: number,
): Metric[] => [
  byLabel("counter", "pdoflow_pool_claims_total", "Claims, by result.", "result", meter.claims),
  histogram("pdoflow_pool_claim_duration_seconds", "Durations of claims.", meter.claimMs),
  histogram(
    "pdoflow_pool_record_duration_seconds",
    "Times until a batch of outcomes was written.",
    meter.recordMs,
  ),
  byLabel(
    "gauge",
    "pdoflow_pool_connected",
    "Whether a connection to the database is open.",
    "link",
    {
      claims: Number(connected.claims),
      work: Number(connected.work),
      side: Number(connected.side),
    },
  ),
  counter(
    "pdoflow_pool_connection_losses_total",
    "Connections to the database that were lost.",
    connectionLosses,
  ),
  gauge(
    "pdoflow_pool_last_heartbeat_timestamp_seconds",
    "When the last heartbeat was sent that the database answered.",
    beatAgoMs === null ? null : now - beatAgoMs / 1_000,
  ),
  counter(
    "pdoflow_pool_rescues_total",
    "Lost pools whose jobs this pool has released.",
    meter.rescues,
  ),
];

const spanMetric = ({ sent, dropped }: SpanCounts): Metric =>
  byLabel("counter", "pdoflow_pool_spans_total", "Spans of attempts, by result.", "result", {
    ...{ sent, dropped },
  });

type Measured = Pick<DurationCounts, "counts" | "sumMs">;

/** Whole counts whose sums from the first one on are those of `counts`, rounded: they only grow. */
function wholeSums(counts: readonly number[]): number[] {
  let [exact, whole] = [0, 0];
  return counts.map((count) => {
    exact += count;
    const before = whole;
    whole = Math.round(exact);
    return whole - before;
  });
}

/** In seconds. A duration of exactly a limit counts to the bucket above it. */
const histogram = (name: string, help: string, { counts, sumMs }: Measured): Metric => ({
  ...{ name, help, type: "histogram" },
  value: { limits: durationLimits.map((ms) => ms / 1_000), counts, sum: sumMs / 1_000 },
});
