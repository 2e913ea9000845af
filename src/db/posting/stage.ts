import { separator } from "../connection/array.ts";
import type { Tx } from "../connection/connect.ts";
import { blockChars, blockJobs } from "./blocks-text.ts";
import type { PostingDb } from "./caller-transaction.ts";

/** For jobs with priorities, which are sorted after all were read. A posting has one at a time. */
export const createStage = (sql: Tx) => sql`
  create temporary table pdoflow_stage (index integer, priority integer, args text)
  on commit drop`;

export const stageJobs = (
  sql: Tx,
  first: number,
  text: string,
  priorities: readonly number[],
) => sql`
  insert into pdoflow_stage (index, priority, args)
  select ${first}::integer + position - 1, priority, args
  from string_to_table(${text}, ${separator}) with ordinality as a (args, position)
    join unnest(${`{${priorities.join(",")}}`}::integer[]) with ordinality as p (priority, position)
      using (position)`;

/** Sorts jobs by priority, stable; returns their lanes (N1, J1, J2). */
export async function addStaged({ schema }: PostingDb, sql: Tx, id: number) {
  const lanes = await sql<{ priority: number; size: number }[]>`
    select priority, count(*)::integer as size from pdoflow_stage
    group by priority order by priority desc`;
  await sql`
    select sum(${schema}.add_jobs(${id}, part.args, part.indexes)) from (
      select string_agg(args, ${separator} order by seq) as args,
             case when ${lanes.length > 1} then array_agg(index order by seq) end as indexes
      from (select row_number() over sorted - 1 as seq, index, args,
                   sum(octet_length(args) + 1) over sorted - 1 as upto
            from pdoflow_stage
            window sorted as (order by priority desc, index rows unbounded preceding)) placed
      group by seq / ${blockJobs}::bigint, upto / ${blockChars / 2}::bigint
      order by min(seq) offset 0) part`;
  await sql`drop table pdoflow_stage`; // the transaction may post more
  return lanes;
}
