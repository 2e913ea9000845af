import * as v from "valibot";

import { formatNeed, type Needs, type Provides, unmetNeeds } from "../../domain/capabilities.ts";
import { parse } from "../../domain/parse.ts";
import type { Snapshot, TopPool } from "./top-snapshot.ts";
import type { Db } from "../connection/connect.ts";
import { describeAddress } from "../settings/target.ts";
import { snapshotQuery } from "./snapshot-query.ts";
import { readOne } from "./read-one.ts";

const count = v.number();
const moment = v.pipe(
  v.string(),
  v.transform((text) => new Date(text)),
);
const maybe = v.nullable;

const Counts = v.object({
  ...{ waiting: count, running: count, retrying: count },
  ...{ done: count, failed: count, cancelled: count },
});

const Posting = v.object({
  id: count,
  name: maybe(v.string()),
  entryPoint: v.string(),
  jobCount: count,
  state: v.picklist(["open", "paused", "errored_out", "cancelled", "finished"]),
  reason: maybe(v.string()),
  poster: v.string(),
  project: maybe(v.string()),
  priority: maybe(count),
  postedAt: moment,
  runAt: maybe(moment),
  needs: v.custom<Needs>((value) => Array.isArray(value)),
  endedAt: maybe(moment),
  jobs: Counts,
});

const Pool = v.object({
  id: count,
  host: v.string(),
  pid: count,
  state: v.picklist(["up", "draining", "stopped", "lost"]),
  slots: count,
  busy: maybe(count),
  recent: maybe(v.array(count)),
  beatAgoMs: count,
  isStale: v.boolean(),
  refused: count,
  project: maybe(v.string()),
  provides: v.custom<Provides>((value) => typeof value === "object" && value !== null),
  holds: v.array(v.object({ posting: count, name: v.string(), jobs: count })),
});

const Failure = v.object({
  postingId: count,
  fingerprint: v.string(),
  count,
  firstAt: moment,
  lastAt: moment,
  job: v.string(),
  message: v.string(),
});

const Row = v.object({
  at: moment,
  readOnly: maybe(v.string()),
  postings: v.array(Posting),
  open: count,
  jobs: Counts,
  oldestWaitingMs: maybe(count),
  pools: v.array(Pool),
  failures: v.array(Failure),
});

const mostPostings = 500;

/**
 * Reads the queue at one moment by one statement. Its cost grows with the number of postings and
 * pools, not with the number of waiting or ended jobs.
 */
export async function readSnapshot(db: Db, most = mostPostings): Promise<Snapshot> {
  const found = await readOne(db, (tx) => snapshotQuery(tx, db.schema, most));
  const { open, pools, ...rest } = parse(Row, found, "the queue's state");
  const shown = rest.postings.filter(({ endedAt }) => endedAt === null).length;
  return {
    ...rest,
    postings: rest.postings.map(({ needs, ...posting }) => ({
      ...posting,
      missing: missingOf(needs, pools),
    })),
    database: `${db.target.database} at ${describeAddress(db.address)}`,
    morePostings: open - shown,
    endedBySecond: addUp(pools),
    pools: pools.map(shownPool),
  };
}

function shownPool({ holds, ...pool }: v.InferOutput<typeof Pool>): TopPool {
  const { recent: _recent, provides: _provides, ...shown } = pool;
  return { ...shown, work: workOf(holds) };
}

/** Which needs no pool meets; null if one does, or if there are no pools to ask. */
function missingOf(
  needs: Needs,
  pools: readonly Pick<v.InferOutput<typeof Pool>, "state" | "isStale" | "provides">[],
): string | null {
  const up = pools.filter(({ state, isStale }) => state === "up" && !isStale);
  const unmet = up.map(({ provides }) => unmetNeeds(needs, provides));
  if (up.length === 0 || unmet.some((each) => each.length === 0)) return null;
  const never = needs.filter((need) => unmet.every((each) => each.includes(need)));
  const named = (never.length > 0 ? never : needs).map(formatNeed).join(", ");
  return never.length > 0 ? `no pool provides ${named}` : `no pool provides all of ${named}`;
}

/** `42 report ×120, 43 clean ×7`: the postings whose jobs a pool holds, the most first. */
const workOf = (holds: v.InferOutput<typeof Pool>["holds"]): string =>
  holds.map(({ posting, name, jobs }) => `${posting} ${name} ×${jobs}`).join(", ");

/**
 * Adds up the pools' reports by second. The newest seconds are left out if a pool has not reported
 * them yet.
 */
function addUp(pools: readonly (Pick<TopPool, "beatAgoMs"> & { recent: number[] | null })[]) {
  const reported = pools.flatMap(({ beatAgoMs, recent }) =>
    recent === null || beatAgoMs > 60_000 ? [] : [{ ago: Math.floor(beatAgoMs / 1_000), recent }],
  );
  const latest = Math.max(0, ...reported.map(({ ago }) => ago));
  return Array.from({ length: reported.length === 0 ? 0 : 60 - latest }, (_, at) =>
    reported.reduce((sum, { ago, recent }) => sum + (recent[at + ago] ?? 0), 0),
  );
}
