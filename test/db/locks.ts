// Open transactions, and statements that wait for their locks.
import { connect, type Db } from "../../src/db/connection/connect.ts";

/** A connection inside of a transaction, which is rolled back unless it was committed. */
export async function openTransaction(db: Db): Promise<Db> {
  const alone = connect(db.target, { connections: 1 });
  await alone.sql`begin`;
  return alone;
}

export const commit = ({ sql }: Db) => sql`commit`;

/** Resolves once `count` statements in this database wait for a lock that another one holds. */
export async function untilBlocked({ sql }: Db, count = 1): Promise<void> {
  await until(`${count} statements wait for a lock`, async () => {
    const [row] = await sql<{ waiting: number }[]>`
      select count(*)::integer as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return (row?.waiting ?? 0) >= count;
  });
}

/** Resolves once `statement` waits for a lock that another one holds, or has ended. */
export async function untilBlockedOrDone({ sql }: Db, statement: Promise<unknown>): Promise<void> {
  let isDone = false;
  const done = statement.then(() => (isDone = true));
  await until("a statement waits for a lock or has ended", async () => {
    const waiting = await sql`
      select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return isDone || waiting.length > 0;
  });
  if (isDone) await done;
}

/** Resolves once `isSo`, asked again and again. @throws if it is not so after a minute. */
export async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await Bun.sleep(2);
  }
}

/** From now on a deadlock in this database is found within 50 ms, by new connections. */
export const findDeadlocksSoon = ({ sql, target }: Db) => sql`
  alter database ${sql(target.database)} set deadlock_timeout = '50ms'`;
