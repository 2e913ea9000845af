import type { Metric } from "../../domain/metric-text.ts";
import type { Pool } from "../../pool/pool.ts";
import type { EntryPointCounts } from "./entry-point-counts.ts";
import { poolMetrics, type SpanCounts } from "./pool-metrics.ts";
import { readProcess } from "./process-metrics.ts";

/** A running pool whose metrics are read. */
export interface ObservedPool {
  pool: Pick<Pool, "figures">;
  version: string;
  /** Null if it sends no traces. */
  spans: SpanCounts | null;
  /** Null if it does not count by entry point. */
  entryPoints: EntryPointCounts | null;
}

/** The metrics of a pool, now. */
export function scrapePool({ pool, version, spans, entryPoints }: ObservedPool): Metric[] {
  const now = Date.now() / 1_000;
  const context = { version, now, spans, process: readProcess(now) };
  return [...poolMetrics(pool.figures, context), ...(entryPoints?.metrics ?? [])];
}
