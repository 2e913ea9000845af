import type { PostingOptions } from "../../domain/posting.ts";
import type { PostingState } from "../../domain/states.ts";
import type { Needs } from "../../domain/capabilities.ts";
import type { Db } from "../connection/connect.ts";

/** The options of an existing posting, as given or changed since. */
export interface KnownOptions extends Omit<PostingOptions, "maxRate" | "runAt"> {
  name: string | null;
  needs: Needs;
  /** Of its first jobs. */
  priority: number;
  rateCount: number | null;
  rateMs: number | null;
}

export interface KnownPosting {
  state: PostingState;
  jobCount: number;
  options: KnownOptions;
}

/** The properties of the posting with a key, to compare another posting with it. */
export async function readKnownPosting({ sql, schema }: Db, id: number): Promise<KnownPosting> {
  const [row] = await sql<KnownPosting[]>`
    select p.state, p.job_count, json_build_object(
      'name', p.name, 'maxAttempts', p.max_attempts, 'backoffMs', p.backoff_ms,
      'timeoutMs', p.timeout_ms, 'graceMs', p.grace_ms, 'stopAfter', p.stop_after,
      'maxFailures', p.max_failures, 'maxFailuresPercent', p.max_failures_percent,
      'maxRunning', p.max_running, 'rateCount', p.rate_count, 'rateMs', p.rate_ms,
      'keepsResults', p.keeps_results, 'keepsOutput', p.keeps_output, 'keepMs', p.keep_ms,
      'needs', r.needs, 'priority', l.priority) as options
    from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
      join ${schema}.lane l on l.posting_id = p.id and l.first_seq = 0
    where p.id = ${id}`;
  if (!row) throw new Error(`posting ${id} was pruned a moment ago`);
  return row;
}

/** The digest of the arguments of all its jobs, in their order. */
export async function readArgumentsDigest({ sql, schema }: Db, id: number): Promise<string> {
  const [row] = await sql<{ digest: string }[]>`
    select md5(string_agg(md5(args::text), '' order by coalesce(index, seq))) as digest
    from ${schema}.job where posting_id = ${id}`;
  return row?.digest ?? "";
}
