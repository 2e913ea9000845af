import type { KeepsOutput } from "../domain/posting.ts";
import { integers, texts } from "./array.ts";
import type { Db } from "./connect.ts";

/** No JSON text holds this character, so it can separate arguments. */
const separator = "\u001e";

/** A range of jobs of one posting, `firstSeq` up to before `endSeq`, and their attempt. */
export interface Range {
  postingId: number;
  firstSeq: number;
  endSeq: number;
  attempt: number;
}

export interface LeasedRange extends Range {
  leaseId: number;
}

/** How many jobs of one entry point a claim may take at most, and takes at least. */
export interface ClaimSize {
  entryPoint: string;
  cap: number;
  floor: number;
}

export interface Claim {
  poolId: number;
  /** The routes that this pool may serve; after a null those whose turn comes later. */
  routes: readonly (number | null)[];
  /** True for the oldest open lane, whatever its priority. */
  oldest: boolean;
  sizes: readonly ClaimSize[];
  /** For an entry point that is not among `sizes`. */
  cap: number;
  /** The share of what remains in a lane that may be taken, in (0, 1]. */
  share: number;
  /** Postings to pass by, because they are known to be at a limit. */
  skip?: readonly number[];
  /** Within how many ms jobs of a posting with a rate are started, or given back. */
  slackMs?: number;
}

/** A posting that is at a limit, for about so long; 0 where another claim was faster. */
export interface LimitedPosting {
  postingId: number;
  waitMs: number;
}

/** A range that was claimed; its jobs and its posting, where they were read at once. */
export interface ClaimedRange extends LeasedRange {
  args: string | null;
  posting: RunnablePosting | null;
}

export interface Claimed {
  /** The ranges of one new lease; none where nothing can be had. */
  ranges: ClaimedRange[];
  /** Postings that were passed by. */
  limited: LimitedPosting[];
}

/** Up to so many jobs are read in the statement that claims them, while their lane is locked. */
const readAtOnce = 500;

/** A row of `pool_claim`: one range or, of postings of one job that are alike, many. */
interface ClaimRow extends Omit<ClaimedRange, "leaseId" | "postingId"> {
  leaseId: number | null;
  waitMs: number | null;
  postingIds: string;
  /** The place of each among the ranges of all rows. */
  places: string;
}

/** How often a claim that waited for a faster one in vain is repeated at once. */
const repeats = 20;

/** Claims the next jobs in order, for one pool, under one new lease. */
export async function claim(db: Db, want: Claim): Promise<Claimed> {
  for (let left = repeats; ; left--) {
    const claimed = await claimOnce(db, want);
    if (left === 0 || !claimed.limited.some(({ waitMs }) => waitMs === 0)) return claimed;
  }
}

async function claimOnce({ sql, schema }: Db, want: Claim): Promise<Claimed> {
  const rows = await sql<ClaimRow[]>`
  select * from ${schema}.pool_claim(
    ${want.poolId}, ${integers(want.routes)}::integer[], ${want.oldest},
    ${texts(want.sizes.map((size) => size.entryPoint))}::text[],
    ${integers(want.sizes.map((size) => size.cap))}::integer[],
    ${integers(want.sizes.map((size) => size.floor))}::integer[],
    ${want.cap}, ${want.share}, ${integers(want.skip ?? [])}::bigint[], ${want.slackMs ?? 100},
    ${readAtOnce}, ${separator})`;
  const claimed: Claimed = { ranges: [], limited: [] };
  for (const row of rows) addRanges(claimed, row);
  return { ...claimed, ranges: claimed.ranges.flat() }; // without the places that have none
}

function addRanges({ ranges, limited }: Claimed, row: ClaimRow): void {
  const { leaseId, firstSeq, endSeq, attempt, waitMs, posting, args } = row;
  const ids = row.postingIds.split(",").map(Number);
  const places = row.places.split(",").map(Number);
  const texts = ids.length === 1 ? [args] : (args?.split(separator) ?? []);
  for (const [i, postingId] of ids.entries()) {
    if (leaseId === null) {
      limited.push({ postingId, waitMs: waitMs ?? 0 });
      continue;
    }
    ranges[places[i] ?? 0] = {
      ...{ leaseId, postingId, firstSeq, endSeq, attempt },
      args: texts[i] || null, // an empty text: to be looked for once more
      posting: posting && { ...posting, id: postingId },
    };
  }
}

/** The jobs of a claim, in the order of its ranges; null where they are to be read. */
export function jobsOfClaim(ranges: readonly ClaimedRange[]): LeasedJob[] | null {
  const jobs: LeasedJob[] = [];
  for (const { postingId, firstSeq, endSeq, args } of ranges) {
    if (args === null) return null;
    addJobs(jobs, { postingId, firstSeq, endSeq, args });
  }
  return jobs;
}

/** Jobs that were leased are not in the database: somebody has deleted them by hand. */
export class JobsGone extends Error {
  override readonly name = "JobsGone";
  readonly postingId: number;
  constructor(postingId: number) {
    super("jobs of it are not in the database any more");
    this.postingId = postingId;
  }
}

/** A job of a range, with its arguments as encoded text, never decoded on the way. */
export interface LeasedJob {
  postingId: number;
  seq: number;
  args: string;
}

/** So many jobs come in one row: a row for each would cost more than all else of reading them. */
const jobsPerRow = 200;

/**
 * The jobs of the ranges, in the order of the ranges. Those of one range are added up before the
 * next: else they may be joined with all jobs of the posting. The least and the greatest posting
 * are told too: by them the server leaves out all other spans before it begins, by a join only
 * later.
 */
export async function readJobs(
  { sql, schema }: Db,
  ranges: readonly Range[],
): Promise<LeasedJob[]> {
  const postingIds = ranges.map((r) => r.postingId);
  const rows = await sql<{ postingId: number; firstSeq: number; endSeq: number; args: string }[]>`
    select r.posting_id, j.first_seq, j.end_seq, j.args
    from unnest(${integers(postingIds)}::bigint[],
                ${integers(ranges.map((r) => r.firstSeq))}::integer[],
                ${integers(ranges.map((r) => r.endSeq))}::integer[])
        with ordinality as r (posting_id, first_seq, end_seq, place)
      cross join lateral (
        select min(seq) as first_seq, max(seq) + 1 as end_seq,
               string_agg(args::text, ${separator} order by seq) as args
        from ${schema}.job
        where posting_id = r.posting_id and seq >= r.first_seq and seq < r.end_seq
          and posting_id >= ${Math.min(...postingIds, Number.MAX_SAFE_INTEGER)}
          and posting_id <= ${Math.max(...postingIds, 0)}
        group by (seq - r.first_seq) / ${jobsPerRow}) j
    order by r.place, j.first_seq`;
  const jobs: LeasedJob[] = [];
  for (const row of rows) addJobs(jobs, row);
  return jobs;
}

function addJobs(
  jobs: LeasedJob[],
  { postingId, firstSeq, endSeq, args }: Omit<Range, "attempt"> & { args: string },
): void {
  const texts = args.split(separator);
  if (texts.length !== endSeq - firstSeq) throw new JobsGone(postingId);
  for (const [i, text] of texts.entries()) {
    jobs.push({ postingId, seq: firstSeq + i, args: text });
  }
}

/** What a pool must know of a posting to run its jobs. */
export interface RunnablePosting {
  id: number;
  routeId: number;
  entryPoint: string;
  jobCount: number;
  tries: number;
  backoffMs: number;
  /** How long a job may run; null for ever. */
  timeoutMs: number | null;
  /** How long a job that is killed has between SIGTERM and SIGKILL. */
  graceMs: number;
  /** After how many failed attempts in a row in one pool the posting is stopped; 0: never. */
  stopAfter: number;
  /** Whether so many or such a share of failed jobs stops the posting. */
  hasFailureLimit: boolean;
  /** Whether only so many may run, or start in some time. */
  isLimited: boolean;
  hasRate: boolean;
  /** Whether its jobs have an index that differs from their seq (J2). */
  isSorted: boolean;
  /** Whether return values are kept, and of which jobs what they print. */
  keepsResults: boolean;
  keepsOutput: KeepsOutput;
  /** How many bytes of a result, and of what each stream printed, are kept (T4); null: any. */
  maxResultBytes: number | null;
  maxOutputBytes: number | null;
}

export async function readRunnable(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<RunnablePosting[]> {
  const rows = await sql<{ posting: RunnablePosting }[]>`
    select posting from ${schema}.pool_runnable(${integers(ids)}::bigint[])`;
  return rows.map((row) => row.posting);
}

/** One job of a lease. */
export interface LeasedSeq {
  leaseId: number;
  postingId: number;
  seq: number;
  attempt: number;
}

/** Gives back what is unfinished of leases, except for the jobs in `keep`; returns how many. */
export async function giveBack(
  { sql, schema }: Db,
  poolId: number,
  leaseIds: readonly number[],
  keep: readonly LeasedSeq[] = [],
): Promise<number> {
  const kept = rangesOf(keep);
  const [row] = await sql<{ back: number }[]>`
    select ${schema}.pool_give_back(
      ${poolId}, ${integers(leaseIds)}::bigint[],
      ${integers(kept.map((r) => r.leaseId))}::bigint[],
      ${integers(kept.map((r) => r.postingId))}::bigint[],
      ${integers(kept.map((r) => r.firstSeq))}::integer[],
      ${integers(kept.map((r) => r.endSeq))}::integer[],
      ${integers(kept.map((r) => r.attempt))}::integer[]) as back`;
  return row?.back ?? 0;
}

/** Jobs that lie side by side as one range: a lease is looked through for each outcome. */
function rangesOf(jobs: readonly LeasedSeq[]): LeasedRange[] {
  const inOrder = jobs.toSorted(
    (a, b) =>
      a.leaseId - b.leaseId || a.postingId - b.postingId || a.attempt - b.attempt || a.seq - b.seq,
  );
  const ranges: LeasedRange[] = [];
  for (const { leaseId, postingId, attempt, seq } of inOrder) {
    const last = ranges.at(-1);
    const isNext =
      last?.leaseId === leaseId &&
      last.postingId === postingId &&
      last.attempt === attempt &&
      last.endSeq === seq;
    if (isNext) last.endSeq = seq + 1;
    else ranges.push({ leaseId, postingId, attempt, firstSeq: seq, endSeq: seq + 1 });
  }
  return ranges;
}

/** Gives back the leases that the database has for a pool and that the pool knows nothing of. */
export async function giveBackUnknown(
  { sql, schema }: Db,
  poolId: number,
  known: readonly number[],
): Promise<void> {
  await sql`
    select ${schema}.pool_give_back_unknown(${poolId}, ${integers(known)}::bigint[])`;
}
