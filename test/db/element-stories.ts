// Short functions for stories of postings that follow others job by job (E1).
import type { Db } from "../../src/db/connection/connect.ts";
import { finishPostings } from "../../src/db/engine/outcomes.ts";
import { settle } from "../../src/db/engine/settle.ts";
import {
  jobsOf,
  type LeasedJob,
  names,
  newPool,
  postJobs,
  record,
  take,
  takeAll,
} from "./engine.ts";

/** The option of a posting that follows `posting` job by job. */
export const each = (posting: number) => ({ after: [{ posting, kind: "each" as const }] });
/** The error of a failed job. */
export const error = JSON.stringify({ name: "Error" });

/** An upstream with `count` jobs, all of them leased, and a posting that follows it. */
export async function pair(db: Db, count: number) {
  const pool = await newPool(db);
  const up = await postJobs(db, count, { maxAttempts: 1 });
  const id = await postJobs(db, count, each(up));
  await settle(db, [up]);
  return { pool, up, id, jobs: jobsOf(await take(db, pool)) };
}

/** The jobs of a posting that can be claimed now, claimed. */
export const taken = async (db: Db, pool: number, id: number) =>
  names(await takeAll(db, pool)).filter((name) => name.startsWith(`${id}/`));

/** Records jobs as failed. */
export const fail = (db: Db, pool: number, jobs: readonly LeasedJob[]) =>
  record(db, pool, jobs, { state: "failed", error });

/** Ends a posting, and counts what it skips downstream. */
export async function end(db: Db, ...ids: number[]) {
  for (const id of ids) {
    await finishPostings(db, [id]);
    await settle(db, [id]);
  }
}

/** The counts of a posting. */
export const statusOf = async ({ sql }: Db, id: number) =>
  (
    await sql`select state, waiting::int, running, done, failed, cancelled
              from pdoflow.status(${id})`
  )[0];
