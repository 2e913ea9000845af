// All metrics of pools and of the exporter, with values that nothing measured.
import { poolMetrics } from "../../src/cli/health/pool-metrics.ts";
import { queueMetrics } from "../../src/cli/health/queue-metrics.ts";
import { EntryPointCounts } from "../../src/cli/health/entry-point-counts.ts";
import type { Metric } from "../../src/domain/metric-text.ts";
import { emptySummary } from "../../src/pool/options.ts";
import { Meter } from "../../src/pool/session/meter.ts";

export const allPoolMetrics = (): Metric[] => [
  ...poolMetrics(
    {
      ...{
        state: "running",
        isSilent: false,
        isReady: true,
        slots: 2,
        busy: 1,
        attempts: emptySummary(),
      },
      ...{ meter: new Meter(), connected: { claims: true, work: true, side: false } },
      ...{ connectionLosses: 0, beatAgoMs: 5, backlog: { outcomes: 0, bytes: 0 } },
    },
    {
      ...{ version: "0", now: 1_000, spans: { sent: 1, dropped: 0 } },
      process: { cpuSeconds: 1, residentBytes: 2, startedAt: 3 },
    },
  ),
  ...entryPointMetrics(),
];

function entryPointMetrics(): Metric[] {
  const counts = new EntryPointCounts(1);
  for (const entryPoint of ["a.ts#f", "b.ts#f"]) {
    counts.onEndedRun({ entryPoint, state: "done", durationsMs: Float64Array.of(1, 2) });
  }
  return counts.metrics;
}

export const allQueueMetrics = (): Metric[] =>
  queueMetrics({
    figures: {
      postings: { open: 1 },
      jobs: { waiting: 1, running: 2, retrying: 3, paused: 4, upstream: 5, blocked: 6 },
      oldestWaitSeconds: 1,
      pools: { up: 1, draining: 0, silent: 0 },
      slots: { busy: 1, idle: 1 },
      schedules: [{ name: "a", lagSeconds: 0 }],
      fires: [],
      oldestSnapshotSeconds: 0,
    },
    desired: { any: 1 },
    fires: { posted: 0 },
    collectSeconds: 0.01,
    collectErrors: 0,
  });

/** The queries of the dashboard for Grafana, with the title of their panel. */
export async function dashboardQueries(file: string): Promise<{ panel: string; expr: string }[]> {
  const { panels } = (await Bun.file(file).json()) as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ panel: title, expr })),
  );
}
