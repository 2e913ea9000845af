import type { Needs } from "../../domain/capabilities.ts";
import { usesOf } from "../../domain/resource-use.ts";
import { unmetText } from "../../domain/unmet-text.ts";
import { parse } from "../../domain/parse.ts";
import { isOfProject, servesPosting } from "../../domain/route.ts";
import { type PoolOfQueue, QueueState, type Snapshot, type TopPool } from "./top-snapshot.ts";
import type { Db } from "../connection/connect.ts";
import { describeAddress } from "../settings/target.ts";
import { snapshotQuery } from "./snapshot-query.ts";
import { readOne } from "./read-one.ts";
import { waitsOf } from "./waits.ts";

const mostPostings = 500;

/**
 * Reads the queue at one moment by one statement. Its cost grows with the number of postings and
 * pools, not with the number of waiting or ended jobs.
 */
export async function readSnapshot(db: Db, most = mostPostings): Promise<Snapshot> {
  const found = await readOne(db, (tx) => snapshotQuery(tx, db.schema, most));
  const { open, pools, edges, ...rest } = parse(QueueState, found, "the queue's state");
  const waits = waitsOf(edges);
  const shown = rest.postings.filter(({ endedAt }) => endedAt === null).length;
  return {
    ...rest,
    postings: rest.postings.map(({ needs, ...posting }) => ({
      ...posting,
      ...waits(posting.id),
      missing: missingOf({ ...posting, needs }, pools),
    })),
    database: `${db.target.database} at ${describeAddress(db.address)}`,
    morePostings: open - shown,
    endedBySecond: addUp(pools),
    pools: pools.map(shownPool),
  };
}

function shownPool({ holds, ...pool }: PoolOfQueue): TopPool {
  const { recent: _recent, provides, free, postings: _postings, ...shown } = pool;
  return { ...shown, resources: usesOf(provides, free), work: workOf(holds) };
}

/** The project or needs that no pool has; null if one has, or if there are no pools to ask. */
function missingOf(
  posting: { id: number; name: string | null; needs: Needs; project: string | null },
  pools: readonly Omit<PoolOfQueue, "holds">[],
): string | null {
  const { needs, project } = posting;
  const live = pools.filter(({ state, isStale }) => state === "up" && !isStale);
  if (live.length === 0) return null;
  const up = live.filter((pool) => servesPosting(pool, posting));
  if (up.length === 0) return "all pools serve only other postings";
  const own = up.filter((pool) => isOfProject({ project: project ?? "" }, pool));
  if (own.length === 0) return `no pool serves the project ${project}`;
  return unmetText(
    needs,
    own.map(({ provides }) => provides),
  );
}

/** `42 report ×120, 43 clean ×7`: the postings whose jobs a pool holds, the most first. */
const workOf = (holds: PoolOfQueue["holds"]): string =>
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
