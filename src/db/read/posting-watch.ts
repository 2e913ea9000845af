import type { Bell } from "../../domain/bell.ts";
import { DatabaseUnavailable, type Db, isConnectionLoss } from "../connection/connect.ts";
import { requireWrites } from "../connection/open.ts";

const pollMs = 1_000;
/** How long to wait for a database that was reached before, for example during a restart. */
const outageMs = 300_000;

/** The watched postings, and the end of the watch. */
export interface PostingWatch<T> {
  /**
   * Reads the postings; a result other than undefined ends the watch. `isPoll` is false if only a
   * notification came.
   */
  check(db: Db, isPoll: boolean): Promise<T | undefined>;
  /** Whether the end of a posting concerns this watch; null if any may have ended unnoticed. */
  concerns(postingId: number | null): boolean;
  /** The caller rings it to check at once. */
  bell: Bell;
  signal?: AbortSignal;
  /** Runs `work` with the database, newly connected if the connection was lost. */
  withDatabase<R>(work: (db: Db) => Promise<R>): Promise<R>;
  /** Whether an error ends the watch although it is a lost connection. */
  isFinal?(error: unknown): boolean;
}

/**
 * The loop that waits for postings. It checks once a second, and at once when a posting of interest
 * ends (rule 8: the poll is the truth, the notification a hint). If the connection is lost, it
 * connects again for five minutes.
 *
 * @throws the signal's reason when it is aborted.
 */
export async function watchPostings<T>(watch: PostingWatch<T>): Promise<T> {
  let reachedAt = -Infinity;
  const onReached = () => (reachedAt = performance.now());
  for (;;) {
    watch.signal?.throwIfAborted();
    try {
      return await watch.withDatabase((db) => pollUntilDone(db, watch, onReached));
    } catch (error) {
      const isOver = watch.signal?.aborted === true || watch.isFinal?.(error) === true;
      if (isOver || !mayComeBack(error, reachedAt)) throw error;
      await watch.bell.sleep(pollMs, watch.signal);
    }
  }
}

/** Whether to wait for a database that was last reached at `reachedAt` (performance.now()). */
function mayComeBack(error: unknown, reachedAt: number): boolean {
  const cause = error instanceof DatabaseUnavailable ? error.cause : error;
  return performance.now() - reachedAt < outageMs && isConnectionLoss(cause);
}

async function pollUntilDone<T>(db: Db, watch: PostingWatch<T>, onReached: () => void): Promise<T> {
  let unlisten: (() => Promise<void>) | null = null;
  let pollAt = 0;
  const onNews = (id: number | null) => {
    if (watch.concerns(id)) watch.bell.ring();
  };
  try {
    for (;;) {
      watch.signal?.throwIfAborted();
      const isPoll = performance.now() >= pollAt;
      if (isPoll) await requireWrites(db);
      const result = await watch.check(db, isPoll);
      onReached();
      if (result !== undefined) return result;
      if (isPoll) pollAt = performance.now() + pollMs;
      // After the first check: a posting that has ended needs no LISTEN.
      unlisten ??= await listenForEnds(db, onNews, () => onNews(null));
      await watch.bell.sleep(pollAt - performance.now(), watch.signal);
    }
  } finally {
    await unlisten?.().catch(() => {}); // the watch is over, whether or not the server receives it
  }
}

/**
 * Calls `onEnded` with the id of each posting that ends, in any process, until the returned
 * function is called. `onListening` is called at first and after each reconnection: earlier ends
 * are not reported, so check for them then. A pooler passes no notifications.
 */
async function listenForEnds(
  { sql, target, isPooled }: Db,
  onEnded: (postingId: number) => void,
  onListening: () => void,
): Promise<() => Promise<void>> {
  if (isPooled) return async () => {};
  const listening = await sql.listen(
    `${target.schema}.ended`,
    (payload) => {
      for (const id of payload.split(" ")) onEnded(Number(id));
    },
    onListening,
  );
  return async () => {
    await listening.unlisten();
  };
}
