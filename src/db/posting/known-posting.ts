import type { OptionName, PostingOptions } from "../../domain/posting-options.ts";
import { rateText } from "../../domain/rate.ts";
import type { PostingState } from "../../domain/states.ts";
import { separator } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The options of an existing posting that can be compared, as given or changed since. */
export type KnownOptions = {
  [Name in Exclude<OptionName, "maxRate">]?: PostingOptions[Name] | undefined;
} & { maxRate?: string | null | undefined };

export interface KnownPosting {
  state: PostingState;
  jobCount: number;
  options: KnownOptions;
}

interface KnownRow extends KnownOptions {
  state: PostingState;
  jobCount: number;
  rateCount: number | null;
  rateMs: number | null;
}

/** The properties of the posting with a key, to compare another posting with it. */
export async function readKnownPosting({ sql, schema }: Db, id: number): Promise<KnownPosting> {
  const [row] = await sql<KnownRow[]>`
    select p.*, r.needs,
      (select coalesce(json_agg(json_strip_nulls(json_build_object(
         'posting', upstream_id, 'kind', kind, 'tolerateJobs', tolerate_jobs,
         'toleratePercent', tolerate_percent))), '[]')
       from ${schema}.edge where posting_id = p.id) as after, coalesce(p.priority, (
      select priority from ${schema}.lane where posting_id = p.id and first_seq = 0)) as priority
    from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
    where p.id = ${id}`;
  if (!row) throw new Error(`posting ${id} was pruned a moment ago`);
  const { state, jobCount, rateCount, rateMs } = row;
  // Once it has started, nothing says when it was to start. 6h is another time now.
  const omitted = { runAt: undefined, deadline: undefined, startBy: undefined };
  const options = { ...row, maxRate: rateText(rateCount, rateMs), ...omitted };
  return { state, jobCount, options };
}

/** The digest of the arguments of all its jobs, in their order. */
export async function readArgumentsDigest({ sql, schema }: Db, id: number): Promise<string> {
  const [row] = await sql<{ digest: string }[]>`
    select md5(string_agg(md5(line), ''
      order by coalesce(b.indexes[position], b.first_seq + position - 1))) as digest
    from ${schema}.job b
      cross join lateral string_to_table(
          ${schema}.lines_of(b.args, b.sweep, b.first_seq, b.end_seq, b.first_seq, b.end_seq),
          ${separator}) with ordinality as l (line, position)
    where b.posting_id = ${id}`;
  return row?.digest ?? "";
}
