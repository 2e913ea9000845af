import type { Metric } from "../../domain/metric-text.ts";
import { counter, gauge } from "./metric-parts.ts";

/** What the system knows about this process, without its children. */
export interface ProcessFigures {
  cpuSeconds: number;
  residentBytes: number;
  /** In seconds since 1970. */
  startedAt: number;
}

/** The figures of this process; `now` is in seconds since 1970. */
export function readProcess(now: number): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startedAt: now - process.uptime(),
  };
}

/** The metrics of a process, by the names that all Prometheus clients use. */
export const processMetrics = (of: ProcessFigures): Metric[] => [
  counter("process_cpu_seconds_total", "CPU time of this process, without workers.", of.cpuSeconds),
  gauge("process_resident_memory_bytes", "Memory of this process.", of.residentBytes),
  gauge("process_start_time_seconds", "When this process started.", of.startedAt),
];
