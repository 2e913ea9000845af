import { exitCodes, PdoflowError } from "../domain/errors.ts";
import type { Place } from "./caller-transaction.ts";
import type { Tx } from "./connect.ts";
import type { NewPosting, Posted } from "./postings.ts";

/** A key was given before, to a posting of another entry point: surely not the same work. */
export class KeyTaken extends PdoflowError {
  override readonly name = "KeyTaken";
  readonly exitCode = exitCodes.usage;
  constructor(key: string, id: number, found: string, wanted: string) {
    super(
      `the key "${key}" belongs to posting ${id} of ${found}; expected a key of its own for a ` +
        `posting of ${wanted}. Nothing was posted.`,
    );
  }
}

/**
 * Makes the key of a posting its own, or gives the posting that has it already. Waits for whoever
 * posts with the same key just now (K1).
 *
 * @throws {KeyTaken}
 */
export async function takeKey(
  { schema }: Place,
  sql: Tx,
  id: number,
  { key, osUser, entryPoint }: NewPosting,
): Promise<Posted | null> {
  if (key === undefined || key === null) return null;
  for (;;) {
    const taken = await sql`
      insert into ${schema}.posting_key (poster, poster_os, key, posting_id)
      values (session_user, ${osUser}, ${key}, ${id})
      on conflict do nothing
      returning 1`;
    if (taken.length > 0) return null;
    const [before] = await sql<{ id: number; jobCount: number; entryPoint: string }[]>`
      select p.id, p.job_count, p.entry_point
      from ${schema}.posting_key k join ${schema}.posting p on p.id = k.posting_id
      where k.poster = session_user and k.poster_os = ${osUser} and k.key = ${key}`;
    if (!before) continue; // pruned between the two statements: the key is free again
    if (before.entryPoint !== entryPoint) {
      throw new KeyTaken(key, before.id, before.entryPoint, entryPoint);
    }
    return { id: before.id, jobCount: before.jobCount, isNew: false };
  }
}
