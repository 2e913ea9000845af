import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** A job that a pool has leased, at an attempt. */
export interface ParentJob {
  leaseId: number;
  postingId: number;
  seq: number;
  attempt: number;
}

/** The jobs that a call of `post` in a job posts. */
export interface ChildPost {
  /** Counts the calls of the attempt, from 0. */
  number: number;
  entryPoint: string;
  /** As JSON text. */
  options: string;
  /** The encoded arguments, in blocks (blocksText). */
  jobs: string;
}

/**
 * Writes the draft of a posting (C1), and returns its number. It becomes a posting if the outcome
 * of the attempt is recorded as done. Safe to repeat.
 */
export async function draftChild(
  { sql, schema }: Db,
  poolId: number,
  { leaseId, postingId, seq, attempt }: ParentJob,
  { number, entryPoint, options, jobs }: ChildPost,
): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    select ${schema}.pool_draft(
      ${poolId}, ${leaseId}, ${integers([postingId, seq, attempt, number])}::bigint[],
      ${entryPoint}, ${options}::text::jsonb, ${jobs}) as id`;
  if (!row) throw new Error("a function that returns one row returned none");
  return row.id;
}
