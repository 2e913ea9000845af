import type { QueueFigures } from "../../db/dashboard/queue-figures.ts";
import type { Metric } from "../../domain/metric-text.ts";
import { liveStates } from "../../domain/states.ts";
import { byLabel, counter, gauge } from "./metric-parts.ts";

/** What an exporter knows of a queue. */
export interface CollectedQueue {
  /** Null if they were not read for a while. */
  figures: QueueFigures | null;
  /** By what pools provide, as configured; null while it is not known. */
  desired: Readonly<Record<string, number>> | null;
  /** Since the exporter started. */
  fires: Readonly<Record<string, number>>;
  /** Of the last collection. */
  collectSeconds: number;
  collectErrors: number;
}

const schedulesMax = 100;

/** The metrics of a queue (docs/metrics.md). */
export const queueMetrics = (queue: CollectedQueue): Metric[] => [
  ...(queue.figures === null ? [] : figureMetrics(queue.figures)),
  byLabel(
    "gauge",
    "pdoflow_queue_desired_slots",
    "Worker slots that jobs could keep busy, by what pools provide.",
    "provides",
    queue.desired ?? {},
  ),
  byLabel(
    "counter",
    "pdoflow_schedule_fires_total",
    "Times of schedules since the exporter started, by outcome.",
    "outcome",
    queue.fires,
  ),
  gauge("pdoflow_collect_duration_seconds", "The last collection took.", queue.collectSeconds),
  counter("pdoflow_collect_errors_total", "Collections that failed.", queue.collectErrors),
];

const figureMetrics = (figures: QueueFigures): Metric[] => [
  byLabel("gauge", "pdoflow_queue_jobs", "Unfinished jobs, by state.", "state", figures.jobs),
  byLabel(
    "gauge",
    "pdoflow_queue_postings",
    "Unfinished postings, by state.",
    "state",
    Object.fromEntries(liveStates.map((state) => [state, figures.postings[state] ?? 0])),
  ),
  gauge(
    "pdoflow_queue_oldest_wait_seconds",
    "How long the oldest posting has waited that has jobs to claim.",
    figures.oldestWaitSeconds,
  ),
  byLabel("gauge", "pdoflow_queue_pools", "Live pools, by state.", "state", figures.pools),
  byLabel("gauge", "pdoflow_queue_slots", "Worker slots of live pools.", "state", figures.slots),
  byLabel(
    "gauge",
    "pdoflow_schedule_lag_seconds",
    "How late a schedule is.",
    "schedule",
    lagsOf(figures.schedules),
  ),
  gauge(
    "pdoflow_oldest_snapshot_age_seconds",
    "The age of the oldest transaction that keeps vacuum from removing rows.",
    figures.oldestSnapshotSeconds,
  ),
];

/** At most 100 schedules, the latest ones; the others as one. */
function lagsOf(schedules: QueueFigures["schedules"]): Record<string, number> {
  const shown = schedules.slice(0, schedulesMax);
  const [next] = schedules.slice(schedulesMax);
  return {
    ...Object.fromEntries(shown.map(({ name, lagSeconds }) => [name, lagSeconds])),
    ...(next ? { other: next.lagSeconds } : {}),
  };
}
