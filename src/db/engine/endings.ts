import type { Db } from "../connection/connect.ts";

/**
 * Calls `onEnded` with the id of each posting that ends, in any process, until the returned
 * function is called. `onListening` is called at first and after each reconnection: earlier ends
 * are not reported, so check for them then. A pooler passes no notifications.
 */
export async function listenForEnds(
  { sql, target, isPooled }: Db,
  onEnded: (postingId: number) => void,
  onListening: () => void,
): Promise<() => Promise<void>> {
  if (isPooled) return async () => {};
  const listening = await sql.listen(
    `${target.schema}.ended`,
    (payload) => onEnded(Number(payload)),
    onListening,
  );
  return async () => {
    await listening.unlisten();
  };
}
