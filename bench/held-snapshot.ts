// What a transaction that stays open does to the queue, a backup or a report: nothing that it could
// see is vacuumed. Queues that update a row for each job slow down by the minute then.
import { connect } from "../src/db/connection/connect.ts";
import type { Bench } from "./case.ts";
import { type Contender, ContenderFailed } from "./contender.ts";
import { pdoflow } from "./pdoflow.ts";

export type Ours = Awaited<ReturnType<typeof pdoflow>>;

/** Runs `work` on an empty queue while a transaction stays open that has seen it empty. */
export async function underOldSnapshot<T>(
  { server, cores }: Bench,
  name: string,
  work: (queue: Ours) => Promise<T>,
): Promise<T> {
  const database = await server.database(name);
  const queue: Contender<object, { workers: number }> = await pdoflow(database, cores);
  await queue.reset();
  await using old = connect(database.db.target, { connections: 1 });
  await old.sql`begin isolation level repeatable read`;
  await old.sql`select from pdoflow.posting`;
  const result = await work(queue);
  const [row] = await old.sql<{ seen: number }[]>`
    select count(*)::integer as seen from pdoflow.posting`;
  if (row?.seen !== 0) throw new ContenderFailed("expected a snapshot from before all postings");
  await old.sql`rollback`;
  await server.drop(database);
  return result;
}
