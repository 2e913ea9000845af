// Statements that change tables wait for all transactions that use the table, and everybody else
// waits for them. So they give up soon and let the others pass, and try again.
import { setTimeout as sleep } from "node:timers/promises";

import { type Db, errorCode, type Tx } from "../connection/connect.ts";

/** The longest wait for a lock, during which pools may wait too. */
const longestMs = 200;
/**
 * The pause before the next try, at random between half of it and all of it. It doubles with each
 * try: the first conflicts are with short transactions of pools.
 */
const pause = { firstMs: 100, longestMs: 1_500 };
/** Conflicts of the first moments are not reported. */
const quietMs = 2_000;

/**
 * Lets statements of this transaction wait only shortly for locks: less long than the server takes
 * to notice a deadlock, so in a deadlock with a pool it is never the pool that fails.
 */
export const waitShortly = (sql: Tx) => sql`
  select set_config('lock_timeout', least(${longestMs}::integer, greatest(1, 1000 * 0.5 *
    extract(epoch from current_setting('deadlock_timeout')::interval)))::integer::text, true)`;

export interface LockPatience {
  /** How long to try. */
  forMs: number;
  /** Called before another try, with the transactions that may be in the way. */
  onLocked: (by: string) => void;
}

/**
 * Runs `work` in a transaction again while others have locked what it needs. In the pauses it has
 * no locks except for those from before, such as its turn: if several processes took turns, others
 * would hardly pass.
 */
export async function whileLocked(
  db: Pick<Db, "target"> & { sql: Tx },
  { forMs, onLocked }: LockPatience,
  work: (sql: Tx) => Promise<void>,
): Promise<void> {
  const beganAt = performance.now();
  for (let pauseMs = pause.firstMs; ; pauseMs = Math.min(pauseMs * 2, pause.longestMs)) {
    try {
      return await db.sql.savepoint(work);
    } catch (error) {
      const isLocked = /^(55P03|40P01)$/.test(errorCode(error) ?? "");
      const triedMs = performance.now() - beganAt;
      if (!isLocked || triedMs > forMs) throw error;
      if (triedMs > quietMs) onLocked(await lockHolders(db));
      await sleep(pauseMs * (0.5 + Math.random() / 2));
    }
  }
}

/** The oldest transactions that use tables of the schema, such as "process 42 (pg_dump, 81 s)". */
async function lockHolders({ sql, target }: Pick<Db, "target"> & { sql: Tx }): Promise<string> {
  const rows = await sql<{ pid: number; name: string; seconds: number | null }[]>`
    select a.pid, concat_ws(', ', nullif(a.application_name, ''), a.usename) as name,
           extract(epoch from clock_timestamp() - a.xact_start)::integer as seconds
    from pg_stat_activity a
    where a.pid <> pg_backend_pid() and a.pid in (
      select l.pid from pg_locks l join pg_class c on c.oid = l.relation
      where l.granted and c.relnamespace = to_regnamespace(quote_ident(${target.schema}))
        and l.database = (select oid from pg_database where datname = current_database()))
    order by a.xact_start nulls last limit 3`;
  if (rows.length === 0) return "transactions that have ended by now";
  return rows
    .map(({ pid, name, seconds }) => `process ${pid} (${name}, for ${seconds ?? 0} s)`)
    .join(", ");
}
