import type { Needs } from "../../domain/capabilities.ts";
import type { Steps, UsageTotals } from "../../domain/usage-advice.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** What the attempts at the jobs of a posting used. */
export interface PostingUsage extends UsageTotals {
  postingId: number;
  entryPoint: string;
  needs: Needs;
  /** Attempts by their peak of resident memory, in bytes: four steps for each doubling. */
  peaks: Steps;
  /**
   * The time in ms of attempts of 50 ms or longer, by the number of cores that they used: in steps
   * of a tenth.
   */
  cores: Steps;
}

/**
 * The usage of these postings, in this order; none for a posting that the caller cannot see. It
 * reads all outcomes of them without their texts: 0.3 s for a million short jobs, 5 s for a million
 * that were measured one by one.
 */
export async function readPostingUsage(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<PostingUsage[]> {
  const rows = await sql<(Omit<PostingUsage, "peaks" | "cores"> & Histograms)[]>`
    select p.id as posting_id, p.entry_point, r.needs, u.attempts::float8, u.measured::float8,
           u.measured_ms, u.wall_ms, u.cpu_user_ms, u.cpu_system_ms, u.peak_bytes::float8,
           u.read_bytes::float8, u.written_bytes::float8, u.peaks, u.cores
    from unnest(${integers(ids)}::bigint[]) with ordinality as i (id, position)
      join ${schema}.posting p on p.id = i.id
      join ${schema}.route r on r.id = p.route_id
      cross join lateral ${schema}.posting_usage(p.id) u
    order by i.position`;
  return rows.map((row) => ({ ...row, peaks: stepsOf(row.peaks), cores: stepsOf(row.cores) }));
}

type Pairs = [upTo: number, weight: number][];
interface Histograms {
  peaks: Pairs;
  cores: Pairs;
}

const stepsOf = (pairs: Pairs): Steps => pairs.map(([upTo, weight]) => ({ upTo, weight }));

export const usageGroups = ["poster", "entry-point"] as const;

/** The usage of a poster, or of an entry point, over a time. */
export interface UsageSum extends Omit<UsageTotals, "measured"> {
  /** The role that posted, and its OS user; null in sums by entry point. */
  poster: string | null;
  posterOs: string | null;
  entryPoint: string | null;
}

/**
 * Sums of what pools reported since then, by full hours, most CPU time first: of all posters for
 * viewers and operators, else of the caller. They stay for 400 days, whatever is pruned.
 */
export function readUsageSums(
  { sql, schema }: Db,
  by: (typeof usageGroups)[number],
  sinceMs: number,
) {
  const [poster, posterOs, entryPoint] =
    by === "poster"
      ? [sql`poster`, sql`poster_os`, sql`null::text`]
      : [sql`null::text`, sql`null::text`, sql`entry_point`];
  return sql<UsageSum[]>`
    select ${poster} as poster, ${posterOs} as poster_os, ${entryPoint} as entry_point,
           sum(attempts) as attempts, sum(wall_ms) as wall_ms, sum(measured_ms) as measured_ms,
           case when sum(measured_ms) > 0 then sum(cpu_user_ms) end as cpu_user_ms,
           case when sum(measured_ms) > 0 then sum(cpu_system_ms) end as cpu_system_ms,
           nullif(max(peak_bytes), 0) as peak_bytes, sum(read_bytes) as read_bytes,
           sum(written_bytes) as written_bytes
    from ${schema}.usage_hour
    where hour >= date_trunc('hour', now() - ${sinceMs} * interval '1 ms', 'UTC')
    group by 1, 2, 3
    order by sum(cpu_user_ms + cpu_system_ms) desc, 1, 2, 3`;
}
