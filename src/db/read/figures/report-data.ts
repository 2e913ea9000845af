import { binsOf, type TimeBins } from "../../../domain/time-bins.ts";
import type { StageStatus } from "../../../domain/flow-status.ts";
import { inFileOrder } from "../../../domain/stage-graph.ts";
import { describeTarget } from "../../settings/target.ts";
import type { Db } from "../../connection/connect.ts";
import { readEdges } from "../edges.ts";
import type { EdgeFacts } from "../../../domain/edge-text.ts";
import { type FlowRow, readFlow, readStages } from "../flows.ts";
import { readTrees } from "../family.ts";
import { type PostingCounts, readPostingCounts } from "../status.ts";
import { type PostingUsage, readPostingUsage } from "../usage.ts";
import {
  type AttemptFigures,
  type AttemptOverview,
  readAttemptFigures,
  readAttemptOverview,
} from "./attempts.ts";
import { type FailedJobs, readFailureGroups } from "./failure-groups.ts";
import { type ReportedPool, readReportedPools } from "./pools.ts";
import { type ReportedPosting, readReportedPostings, readStatements } from "./postings.ts";
import { readSlowest, type SlowAttempt } from "./slowest.ts";

/** A flow with its spec and its stages. */
export type ReportedFlow = FlowRow & { spec: unknown; stages: readonly StageStatus[] };

/** What a report is made of, as the database has it. */
export interface ReportData {
  /** The time of the database. */
  madeAt: Date;
  database: string;
  flows: ReportedFlow[];
  postings: readonly ReportedPosting[];
  /** The signed statements, by posting. */
  statements: ReadonlyMap<number, string>;
  counts: readonly PostingCounts[];
  /** What postings wait for, or have waited for, by posting. */
  edges: ReadonlyMap<number, readonly EdgeFacts[]>;
  overview: AttemptOverview;
  /** The bins of `figures`; null if no attempt has ended. */
  bins: TimeBins | null;
  figures: AttemptFigures;
  /** The pools that are shown one by one in `figures`: those with the most attempts. */
  shownPools: readonly number[];
  pools: readonly ReportedPool[];
  usage: readonly PostingUsage[];
  slowest: readonly SlowAttempt[];
  failures: { groups: readonly FailedJobs[]; groupCount: number };
}

export interface ReportWish {
  postings: readonly number[];
  flows: readonly number[];
  /** Whether to read arguments, and what failed jobs printed. */
  withValues: boolean;
}

/** A few attempts in many bins would only be scattered. */
const mostBins = (attempts: number) => Math.min(120, Math.max(20, 3 * Math.sqrt(attempts)));
const mostPools = 16;
const mostKnownPools = 2_000;
const mostSlow = 10;
const mostGroups = 20;

/**
 * Reads a report about postings, and about the postings of flows. Each part is of its own moment,
 * within the second or two that reading a million jobs takes.
 */
export async function readReport(db: Db, wish: ReportWish): Promise<ReportData> {
  const flows = await readReportedFlows(db, wish.flows);
  // A stage has the jobs of all postings that its jobs have posted.
  const ofFlows = await readTrees(
    db,
    flows.flatMap(({ stages }) => stages.map(({ id }) => id)),
  );
  const ids = [...new Set([...wish.postings, ...ofFlows])].sort((a, b) => a - b);
  const postings = await readReportedPostings(db, ids);
  const statements = await readStatements(db, ids);
  const counts = await readPostingCounts(db, ids);
  const edges = await readEdges(db, ids);
  const overview = await readAttemptOverview(db, ids);
  const known = overview.pools.flatMap(({ poolId }) => poolId ?? []);
  const pools = await readReportedPools(db, known.slice(0, mostKnownPools));
  const shownPools = known.slice(0, mostPools);
  const madeAt = await readNow(db);
  const attempts = overview.attempts.reduce((sum, { count }) => sum + count, 0);
  const bins =
    overview.fromMs === null || overview.toMs === null
      ? null
      : binsOf(overview.fromMs, overview.toMs, mostBins(attempts));
  const figures =
    bins === null
      ? { durations: [], ends: [], starts: [], pools: [] }
      : await readAttemptFigures(db, ids, bins, shownPools);
  const usage = bins === null ? [] : await readPostingUsage(db, ids);
  const { withValues } = wish;
  const slowest = await readSlowest(db, ids, { most: mostSlow, withArgs: withValues });
  const failures = await readFailureGroups(db, ids, { most: mostGroups, withValues });
  const database = describeTarget(db.target);
  return {
    ...{ madeAt, database, flows, postings, statements, counts, edges, overview, bins, figures },
    ...{ shownPools, pools, usage, slowest, failures },
  };
}

async function readReportedFlows(db: Db, ids: readonly number[]): Promise<ReportedFlow[]> {
  const stages = await readStages(db, ids);
  const flows: ReportedFlow[] = [];
  for (const id of ids) {
    const flow = await readFlow(db, id);
    if (flow) {
      flows.push({ ...flow, stages: inFileOrder({ ...flow, stages: stages.get(id) ?? [] }) });
    }
  }
  return flows;
}

async function readNow({ sql }: Db): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
  return row?.now ?? new Date(NaN);
}
