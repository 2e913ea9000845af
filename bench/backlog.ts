// Queues of a given size, made by the statements of posters and pools.
import type { Db } from "../src/db/connection/connect.ts";
import { insertPosting } from "../src/db/posting/insert.ts";
import { drainBySql } from "./sql-pool.ts";

const jobsAPosting = 10_000;
const postingsATransaction = 1_000;

/** Posts jobs in postings of 10,000 each. */
export async function fill(db: Db, jobs: number): Promise<void> {
  const posting = { entryPoint: "jobs.ts#noop", priority: 0, osUser: "bench" };
  const args = Array.from({ length: jobsAPosting }, (_, i) => `[${i},${i / 2},"file-${i}.txt"]`);
  for (let posted = 0; posted < jobs; posted += jobsAPosting) {
    await insertPosting(db, posting, [{ args }], "the bench");
  }
}

/** Posts postings of one job each, by the SQL function for posting, many in a transaction. */
export async function fillOneByOne({ sql }: Db, postings: number): Promise<void> {
  for (let first = 0; first < postings; first += postingsATransaction) {
    const last = Math.min(first + postingsATransaction, postings) - 1;
    await sql`
      select count(pdoflow.post('jobs.ts#noop',
        jsonb_build_array(jsonb_build_array(i, i / 2.0, 'file-' || i || '.txt'))))
      from generate_series(${first}::integer, ${last}::integer) as i`;
  }
}

/** Ends every job that is there. */
export const endAll = (db: Db): Promise<void> => drainBySql(db, { reads: false });
