import type { OutcomeState } from "../domain/attempt.ts";
import { formatNeed } from "../domain/capabilities.ts";
import { causeText, waitText } from "../domain/edge-text.ts";
import { flowState, stageState } from "../domain/flow-status.ts";
import {
  barsOf,
  countIn,
  type LogHistogram,
  mergedHistogram,
  quantileUs,
} from "../domain/log-histogram.ts";
import { parseStatement } from "../domain/signed-posting.ts";
import { graphOf } from "../domain/stage-graph.ts";
import { type JobCounts, jobStatuses, noJobs, shownState } from "../domain/states.ts";
import { askedIn, coresOf, suggestedNeeds } from "../domain/usage-advice.ts";
import { busyMs, type TimeBins } from "../domain/time-bins.ts";
import type { PostingUsage } from "../db/read/usage.ts";
import type { DurationCount } from "../db/read/figures/attempts.ts";
import type { ReportedPool } from "../db/read/figures/pools.ts";
import type { ReportedPosting } from "../db/read/figures/postings.ts";
import type { ReportData, ReportedFlow } from "../db/read/figures/report-data.ts";
import type {
  AttemptFigure,
  ByState,
  DurationBar,
  FlowFigures,
  Machine,
  PoolLine,
  PostingFigures,
  ReportFigures,
  Spread,
  Timeline,
  UsageFigures,
} from "./figures.ts";
import { optionTexts } from "./option-texts.ts";

/** A few attempts in many bars would only be scattered. */
const mostBars = (attempts: number) =>
  Math.min(32, Math.max(6, Math.ceil(1.5 * Math.sqrt(attempts))));

/** The figures of a report, from what the database has. `program` is the version that makes it. */
export function figuresOf(data: ReportData, program: string): ReportFigures {
  const { madeAt, database, figures, failures } = data;
  const own = Map.groupBy(figures.durations, ({ postingId }) => postingId);
  const counts = new Map(data.counts.map((one) => [one.id, one]));
  const usage = new Map(data.usage.map((one) => [one.postingId, one]));
  const jobId = ({ postingId, index }: { postingId: number; index: number }) =>
    `${postingId}/${index}`;
  return {
    ...{ madeAt, program, database },
    flows: data.flows.map(flowFigures),
    postings: data.postings.map((posting) =>
      postingFigures(posting, data, {
        durations: own.get(posting.id) ?? [],
        jobs: counts.get(posting.id) ?? noJobs,
        usage: usage.get(posting.id),
      }),
    ),
    jobs: sumOfJobs(data.counts),
    timeline: timelineOf(data),
    durations: { ...spreadOf(figures.durations), bars: stackedBars(figures.durations) },
    attempts: attemptsOf(data),
    slowest: data.slowest.map((slow) => ({ ...withoutIndex(slow), job: jobId(slow) })),
    failures: failures.groups.map((group) => ({
      ...withoutIndex(group),
      posting: group.postingId,
      job: jobId(group),
    })),
    failureGroups: failures.groupCount,
    machines: machinesOf(data),
  };
}

function withoutIndex<T extends { postingId: number; index: number }>(row: T) {
  const { postingId: _posting, index: _index, ...rest } = row;
  return rest;
}

function sumOfJobs(counts: readonly JobCounts[]): JobCounts {
  const sum = { ...noJobs };
  for (const one of counts) for (const status of jobStatuses) sum[status] += one[status];
  return sum;
}

/** The rows of one posting. */
interface OwnRows {
  durations: readonly DurationCount[];
  jobs: JobCounts;
  usage: PostingUsage | undefined;
}

function postingFigures(
  posting: ReportedPosting,
  data: ReportData,
  { durations: own, jobs, usage }: OwnRows,
): PostingFigures {
  const { id, name, flowId, stage, entryPoint, command, reason, poster, posterOs } = posting;
  const { project, schedule, postedAt, endedAt, jobCount } = posting;
  const statement = data.statements.get(id);
  const edges = data.edges.get(id) ?? [];
  const startMs = own.reduce((first, { fromMs }) => Math.min(first, fromMs), Infinity);
  const waits = posting.isBlocked ? causeText(edges) : posting.waits ? waitText(edges) : null;
  return {
    ...{ id, name, flow: flowId, stage, entryPoint, command, reason, poster, posterOs },
    ...{ project, schedule, postedAt, endedAt, jobCount, jobs: sumOfJobs([jobs]), waitsFor: waits },
    state: shownState(posting),
    startedAt: own.length === 0 ? null : new Date(startMs),
    options: optionTexts(posting),
    codeDigest: statement === undefined ? null : parseStatement(statement).code,
    durations: spreadOf(own),
    usage: usageFigures(usage),
    retried: own.reduce((sum, { state, count }) => sum + (state === "retried" ? count : 0), 0),
  };
}

function usageFigures(row: PostingUsage | undefined): UsageFigures | null {
  if (row === undefined || row.attempts === 0) return null;
  const { attempts, measured, cpuUserMs, cpuSystemMs, peakBytes, readBytes, writtenBytes } = row;
  return {
    ...{ attempts, measured, cpuUserMs, cpuSystemMs, peakBytes, readBytes, writtenBytes },
    ...{ cores: coresOf(row), asked: askedIn(row.needs), peaks: row.peaks, coreSteps: row.cores },
    suggestedNeeds: suggestedNeeds(row, row.cores, row.needs)?.map(formatNeed).join(",") ?? null,
  };
}

function flowFigures(flow: ReportedFlow): FlowFigures {
  const { id, name, poster, posterOs, postedAt, stages } = flow;
  return {
    ...{ id, name, poster, posterOs, postedAt, state: flowState(stages), graph: graphOf(flow) },
    stages: stages.map((one) => {
      const { stage, jobCount, jobs } = one;
      return { stage, posting: one.id, state: stageState(one), jobCount, jobs };
    }),
  };
}

const histogramOf = (counts: readonly DurationCount[]): LogHistogram =>
  mergedHistogram(counts.map(({ bucket, count }) => new Map([[bucket, count]])));

function spreadOf(counts: readonly DurationCount[]): Spread {
  const histogram = histogramOf(counts);
  const count = counts.reduce((sum, one) => sum + one.count, 0);
  const sumMs = counts.reduce((sum, one) => sum + one.sumMs, 0);
  const longest = counts.reduce((most, one) => Math.max(most, one.longestMs), 0);
  const longestMs = count === 0 ? null : longest;
  const quantileMs = (share: number) => {
    const us = quantileUs(histogram, share);
    // Interpolation must not exceed what is known exactly.
    return us === null || longestMs === null ? null : Math.min(us / 1_000, longestMs);
  };
  return {
    ...{ count, sumMs, meanMs: count === 0 ? null : sumMs / count, longestMs },
    ...{ medianMs: quantileMs(0.5), p95Ms: quantileMs(0.95), p99Ms: quantileMs(0.99) },
  };
}

/** The bars of all attempts, each with its parts by state. */
function stackedBars(counts: readonly DurationCount[]): DurationBar[] {
  const count = counts.reduce((sum, one) => sum + one.count, 0);
  const bars = barsOf(histogramOf(counts), mostBars(count));
  const parts = byState((state) => histogramOf(counts.filter((one) => one.state === state)));
  return bars.map((bar) => ({
    fromMs: bar.fromUs / 1_000,
    toMs: bar.toUs / 1_000,
    ...byState((state) => countIn(parts[state], bar)),
  }));
}

function timelineOf({ bins, figures, shownPools, pools }: ReportData): Timeline | null {
  if (bins === null) return null;
  const { startMs, binMs, count } = bins;
  const ended = byState(() => Array.from({ length: count }, () => 0));
  for (const one of figures.ends) {
    const at = Math.min(Math.max(one.bin, 0), count - 1);
    ended[one.state][at] = (ended[one.state][at] ?? 0) + one.count;
  }
  const hasOthers = figures.ends.some(({ poolId }) => poolId === null);
  const known = new Map(pools.map((pool) => [pool.id, pool]));
  const startOf = (id: number) => known.get(id)?.startedAt.getTime() ?? 0;
  const inOrder = [...shownPools].sort((a, b) => startOf(a) - startOf(b));
  const lines = [...inOrder, ...(hasOthers ? [null] : [])];
  return {
    startAt: new Date(startMs),
    endAt: new Date(startMs + count * binMs),
    binMs,
    ended,
    pools: lines.map((id) => poolLine(id, known.get(id ?? -1), bins, figures)),
  };
}

function poolLine(
  id: number | null,
  pool: ReportedPool | undefined,
  bins: TimeBins,
  { starts, ends }: ReportData["figures"],
): PoolLine {
  const isOwn = ({ poolId }: { poolId: number | null }) => poolId === id;
  const busy = busyMs(bins, starts.filter(isOwn), ends.filter(isOwn)).map((ms) => ms / bins.binMs);
  const { host = null, pid = null, slots = null, startedAt = null, endedAt = null } = pool ?? {};
  return { id, host, pid, slots, startedAt, endedAt, busy };
}

function attemptsOf({ overview }: ReportData): AttemptFigure[] {
  const byNumber = Map.groupBy(overview.attempts, ({ attempt }) => attempt);
  return [...byNumber]
    .sort(([a], [b]) => a - b)
    .map(([attempt, rows]) => ({ attempt, ...byState((state) => countOf(rows, state)) }));
}

function machinesOf(data: ReportData): Machine[] {
  const hosts = new Map(data.pools.map(({ id, host }) => [id, host]));
  const byHost = Map.groupBy(data.figures.pools, ({ poolId }) => hosts.get(poolId ?? -1) ?? null);
  const machines = [...byHost].map(([host, rows]): Machine => {
    const own = data.pools.filter((pool) => pool.host === host);
    return {
      host,
      pools: own.length,
      slots: own.reduce((sum, { slots }) => sum + slots, 0),
      versions: [...new Set(own.map(({ version }) => version))].sort(),
      attempts: byState((state) => countOf(rows, state)),
      busyMs: rows.reduce((sum, { durationMs }) => sum + durationMs, 0),
      availableMs: host === null ? null : own.reduce((sum, pool) => sum + timeOf(pool, data), 0),
    };
  });
  return machines.sort((a, b) => b.busyMs - a.busyMs);
}

/** The time of all workers of a pool between the first and the last attempt of the report. */
function timeOf({ slots, startedAt, endedAt }: ReportedPool, { overview }: ReportData): number {
  const { fromMs, toMs } = overview;
  if (fromMs === null || toMs === null) return 0;
  const end = Math.min(toMs, endedAt?.getTime() ?? toMs);
  return slots * Math.max(0, end - Math.max(fromMs, startedAt.getTime()));
}

const countOf = (rows: readonly { state: OutcomeState; count: number }[], state: OutcomeState) =>
  rows.reduce((sum, row) => sum + (row.state === state ? row.count : 0), 0);

function byState<T>(valueOf: (state: OutcomeState) => T): ByState<T> {
  return {
    done: valueOf("done"),
    failed: valueOf("failed"),
    retried: valueOf("retried"),
    cancelled: valueOf("cancelled"),
  };
}
