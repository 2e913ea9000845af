import type { Db } from "../connection/connect.ts";

/** The result of looking for postings and flows that came to rest. */
interface Notified {
  /** The last waiting posting that was checked; 0 if there are no more after it. */
  lastId: number;
  /** The number of notifications that were posted. */
  posted: number;
}

/** As many as `postings_at_rest` in sql/ returns at most. */
const waitingMax = 100;

/**
 * Posts the notifications of postings and flows that came to rest (P18, F4): of the ones that ended
 * or were stopped, and of the next waiting ones after `after` that are blocked.
 */
export async function notifyNext({ sql, schema }: Db, after: number): Promise<Notified> {
  const found = await sql<{ postingId: number; flowId: number | null; waits: boolean }[]>`
    select * from ${schema}.pool_at_rest(${after}::bigint)`;
  const flows = new Map<number, number | null>();
  let posted = 0;
  const count = (rows: readonly { posted: number | null }[]) => {
    const number = rows[0]?.posted ?? null;
    posted += number ?? 0;
    return number;
  };
  // Each in a transaction of its own: posting takes its locks in one order.
  for (const { postingId, flowId } of found) {
    if (flowId !== null && !flows.has(flowId)) {
      const rows = await sql<{ posted: number | null }[]>`
        select ${schema}.pool_notify_flow(${flowId}::bigint) as posted`;
      flows.set(flowId, count(rows));
    }
    // Its end leads to its flow again if that could not be checked now.
    if (flowId !== null && flows.get(flowId) === null) continue;
    count(
      await sql<{ posted: number | null }[]>`
        select ${schema}.pool_notify(${postingId}::bigint) as posted`,
    );
  }
  const waiting = found.filter(({ waits }) => waits);
  const last = waiting.length < waitingMax ? 0 : (waiting.at(-1)?.postingId ?? 0);
  return { lastId: last, posted };
}
