import type { Db } from "../connection/connect.ts";

/** A posting that may be at rest since its last notification. */
export interface AtRest {
  postingId: number;
  flowId: number | null;
  /** Whether it waits, and may be blocked. */
  waits: boolean;
}

/** As many waiting ones as `postings_at_rest` in sql/ returns at most. */
const waitingMax = 100;

/**
 * The postings that ended or were stopped since their last notification, and the next ones after
 * `after` that wait; with the last of these, 0 if there are no more after it.
 */
export async function findAtRest(
  { sql, schema }: Db,
  after: number,
): Promise<{ found: readonly AtRest[]; lastId: number }> {
  const found = await sql<AtRest[]>`select * from ${schema}.pool_at_rest(${after}::bigint)`;
  const waiting = found.filter(({ waits }) => waits);
  return { found, lastId: waiting.length < waitingMax ? 0 : (waiting.at(-1)?.postingId ?? 0) };
}

/** Posts the notifications of a posting that came to rest (P18); returns their number. */
export async function notifyPosting({ sql, schema }: Db, posting: number): Promise<number> {
  const [row] = await sql<{ posted: number }[]>`
    select ${schema}.pool_notify(${posting}::bigint) as posted`;
  return row?.posted ?? 0;
}

/** The same for a flow (F4); null if it must be checked again, because it is locked. */
export async function notifyFlow({ sql, schema }: Db, flow: number): Promise<number | null> {
  const [row] = await sql<{ posted: number | null }[]>`
    select ${schema}.pool_notify_flow(${flow}::bigint) as posted`;
  return row?.posted ?? null;
}
