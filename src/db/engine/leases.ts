import type { PostingOptions, RunOption } from "../../domain/posting-options.ts";
import type { ScheduledTime } from "../../domain/scheduled-time.ts";
import type { UpstreamPosting } from "../../domain/upstream.ts";
import { separator, integers, texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** A range of jobs of one posting, from `firstSeq` up to before `endSeq`, and their attempt. */
export interface Range {
  postingId: number;
  firstSeq: number;
  endSeq: number;
  attempt: number;
}

export interface LeasedRange extends Range {
  leaseId: number;
}

/** Compares by lease, posting and attempt, and then by the first job. */
export const inLeaseOrder = (
  a: Omit<LeasedRange, "endSeq">,
  b: Omit<LeasedRange, "endSeq">,
): number =>
  a.leaseId - b.leaseId ||
  a.postingId - b.postingId ||
  a.attempt - b.attempt ||
  a.firstSeq - b.firstSeq;

/** The maximum and minimum number of jobs of one entry point in a claim. */
export interface ClaimSize {
  entryPoint: string;
  cap: number;
  floor: number;
}

export interface Claim {
  poolId: number;
  /** The routes that this pool may serve; after a null, the routes whose turn comes later. */
  routes: readonly (number | null)[];
  /** Whether to claim the oldest open lane, regardless of its priority. */
  oldest: boolean;
  sizes: readonly ClaimSize[];
  /** The maximum for entry points that are not among `sizes`. */
  cap: number;
  /** The share of the remaining jobs of a lane that may be claimed, in (0, 1]. */
  share: number;
  /** Postings to skip, because they are known to be at a limit. */
  skip?: readonly number[];
  /** The postings at which to begin reading, if all lanes before them were closed a moment ago. */
  positions?: readonly number[];
  /** The only postings to claim of; null for all. */
  postings?: readonly number[] | null;
  /** The time in ms within which jobs of a posting with a rate are started, or released. */
  slackMs?: number;
}

/** A posting that is at a limit, and for about how long; 0 if another claim was faster. */
export interface LimitedPosting {
  postingId: number;
  waitMs: number;
}

/** A claimed range; its jobs and its posting, if they were read at once. */
export interface ClaimedRange extends LeasedRange {
  /** The number of jobs of its lease that may run at a time (L4); null for any number. */
  runningLimit: number | null;
  args: string | null;
  posting: RunnablePosting | null;
}

export interface Claimed {
  /** The ranges of one new lease; none if nothing is available. */
  ranges: ClaimedRange[];
  /** Postings that were skipped. */
  limited: LimitedPosting[];
}

/** The claiming statement reads at most this number of jobs, because it locks their lane. */
const readAtOnce = 500;

/** A row of `pool_claim`: one range or, for similar postings of one job, several. */
interface ClaimRow extends Omit<ClaimedRange, "leaseId" | "postingId"> {
  leaseId: number | null;
  waitMs: number | null;
  postingIds: string;
  /** The position of each among the ranges of all rows. */
  positions: string;
}

/** A claim that lost its jobs to a faster one is repeated at once, up to this number of times. */
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
      ${want.poolId},
      row(
        ${integers(want.routes)}::integer[], ${want.oldest}::boolean,
        ${texts(want.sizes.map((size) => size.entryPoint))}::text[],
        ${integers(want.sizes.map((size) => size.cap))}::integer[],
        ${integers(want.sizes.map((size) => size.floor))}::integer[],
        ${want.cap}::integer, ${want.share}::double precision,
        ${integers(want.skip ?? [])}::bigint[], ${want.slackMs ?? 100}::integer,
        ${want.postings ? integers(want.postings) : null}::bigint[],
        ${integers(want.positions ?? [])}::bigint[]
      )::${schema}.claim_options,
      ${readAtOnce})`;
  return claimedBy(rows);
}

/**
 * Claims the job of a posting that has only one, under a new lease, and no other job; nothing if
 * that needs the comparisons of `claim`.
 */
export async function claimSingle(
  { sql, schema }: Db,
  want: Pick<Claim, "poolId"> & { postingId: number; routes: readonly number[] },
): Promise<Claimed> {
  const rows = await sql<ClaimRow[]>`
    select * from ${schema}.pool_claim_single(
      ${want.poolId}, ${want.postingId}, ${integers(want.routes)}::integer[])`;
  return claimedBy(rows);
}

function claimedBy(rows: readonly ClaimRow[]): Claimed {
  const claimed: Claimed = { ranges: [], limited: [] };
  for (const row of rows) addRanges(claimed, row);
  return { ...claimed, ranges: claimed.ranges.flat() }; // without the positions that have none
}

function addRanges({ ranges, limited }: Claimed, row: ClaimRow): void {
  const { leaseId, firstSeq, endSeq, attempt, waitMs, runningLimit, posting, args } = row;
  const ids = row.postingIds.split(",").map(Number);
  const positions = row.positions.split(",").map(Number);
  const texts = ids.length === 1 ? [args] : (args?.split(separator) ?? []);
  for (const [i, postingId] of ids.entries()) {
    if (leaseId === null) {
      limited.push({ postingId, waitMs: waitMs ?? 0 });
      continue;
    }
    ranges[positions[i] ?? 0] = {
      leaseId,
      postingId,
      firstSeq,
      endSeq,
      attempt,
      runningLimit,
      args: texts[i] || null, // an empty text: to be read separately
      posting: posting && (posting.id === postingId ? posting : { ...posting, id: postingId }),
    };
  }
}

/** The properties of a posting that a pool needs to run its jobs. */
export interface RunnablePosting extends Pick<PostingOptions, RunOption> {
  id: number;
  routeId: number;
  entryPoint: string;
  jobCount: number;
  /** Whether a number or a percentage of failed jobs stops the posting. */
  hasFailureLimit: boolean;
  hasRate: boolean;
  /** Whether its jobs have an index that differs from their seq (J2). */
  isSorted: boolean;
  /** The limits in bytes of results, and of the output of each stream (T4); null for none. */
  maxResultBytes: number | null;
  maxOutputBytes: number | null;
  /** The posting whose results its jobs read (P13); null for none. */
  upstream: UpstreamPosting | null;
  /** The time of a schedule that its jobs run for; null for none. */
  schedule: ScheduledTime | null;
  /** The W3C trace context of its poster (P21); null for none. */
  traceparent: string | null;
}

export async function readRunnable(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<RunnablePosting[]> {
  const rows = await sql<{ posting: RunnablePosting }[]>`
    select posting from ${schema}.pool_runnable(${integers(ids)}::bigint[])`;
  return rows.map((row) => row.posting);
}
