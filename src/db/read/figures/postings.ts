import type { Needs } from "../../../domain/capabilities.ts";
import { integers } from "../../connection/array.ts";
import { type Db, errorCode } from "../../connection/connect.ts";
import { postingColumns, type PostingRow } from "../snapshot.ts";

/** A posting with its options, for a report. */
export interface ReportedPosting extends PostingRow {
  flowId: number | null;
  stage: string | null;
  schedule: string | null;
  needs: Needs;
  /** Null if its jobs have several priorities. */
  priority: number | null;
  maxAttempts: number;
  backoffMs: number;
  timeoutMs: number | null;
  graceMs: number;
  stopAfter: number;
  maxFailures: number | null;
  maxFailuresPercent: number | null;
  maxRunning: number | null;
  rateCount: number | null;
  rateMs: number | null;
  keepsResults: boolean;
  keepMs: number | null;
  ifBlocked: string;
  deadline: Date | null;
}

/** The existing postings with these numbers. */
export const readReportedPostings = ({ sql, schema }: Db, ids: readonly number[]) => sql<
  ReportedPosting[]
>`
  select ${postingColumns({ sql, schema }, sql`${integers(ids)}::bigint[]`)},
         p.flow_id, p.stage, r.needs,
         coalesce(p.override_priority, p.priority) as priority, p.max_attempts,
         p.backoff_ms, p.timeout_ms, p.grace_ms, p.stop_after, p.max_failures,
         p.max_failures_percent::float8, p.max_running, p.rate_count, p.rate_ms, p.keeps_results,
         p.keep_ms, p.if_blocked, p.deadline
  from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
  where p.id = any (${integers(ids)}::bigint[])
  order by p.id`;

const denied = "42501";

/**
 * The signed statements of postings, by posting: they have the digest of the code. Only the owner
 * of the queue can read them; other roles get none.
 */
export async function readStatements(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<Map<number, string>> {
  const rows = await sql<{ id: number; statement: string }[]>`
    select posting_id as id, statement from ${schema}.signature
    where posting_id = any (${integers(ids)}::bigint[])`.catch((error: unknown) => {
    if (errorCode(error) === denied) return [];
    throw error;
  });
  return new Map(rows.map(({ id, statement }) => [id, statement]));
}
