import { DatabaseUnavailable, type Db, isConnectionLoss } from "../../db/connection/connect.ts";
import { listenForEnds } from "../../db/engine/endings.ts";
import { requireWrites } from "../../db/connection/open.ts";
import type { PostingCounts } from "../../db/read/status.ts";

/** A poll is the truth, a notification only makes it come sooner (rule 8). */
const pollMs = 1_000;
/** A restart of the server is waited out; one that stays away so long is told. */
const outageMs = 300_000;

/** Looks at postings again and again. */
export interface Watch {
  ids: readonly number[];
  /** Reads where they stand, or what of them is waited for. */
  read: (db: Db) => Promise<PostingCounts[]>;
  /** PoolReport where the postings stand; true where that is what was waited for. */
  isOver: (counts: readonly PostingCounts[]) => boolean;
  signal: AbortSignal;
  /** Runs `work` with the database, newly connected. */
  withDatabase: <T>(work: (db: Db) => Promise<T>) => Promise<T>;
}

/**
 * Resolves with where the postings stand once `isOver`; a connection that was lost is waited out
 * for five minutes. A posting that was removed meanwhile is left out.
 *
 * @throws the signal's reason when it is aborted.
 */
export async function watchPostings(watch: Watch): Promise<PostingCounts[]> {
  let reachedAt = -Infinity;
  for (;;) {
    watch.signal.throwIfAborted();
    try {
      return await watch.withDatabase((db) =>
        look(db, watch, () => (reachedAt = performance.now())),
      );
    } catch (error) {
      if (!mayComeBack(error, reachedAt) || watch.signal.aborted) throw error;
      await pause(pollMs, watch.signal);
    }
  }
}

/** Whether a database that was last reached at a time of performance.now() is waited for. */
export function mayComeBack(error: unknown, reachedAt: number): boolean {
  const cause = error instanceof DatabaseUnavailable ? error.cause : error;
  return performance.now() - reachedAt < outageMs && isConnectionLoss(cause);
}

async function look(db: Db, watch: Watch, onReached: () => void): Promise<PostingCounts[]> {
  let wake = () => {};
  let hasNews = false;
  const onNews = () => {
    hasNews = true;
    wake();
  };
  let unlisten: (() => Promise<void>) | null = null;
  try {
    for (;;) {
      watch.signal.throwIfAborted();
      await requireWrites(db);
      const counts = await watch.read(db);
      onReached();
      if (watch.isOver(counts)) return counts;
      if (unlisten === null) {
        const onEnded = (id: number) => watch.ids.includes(id) && onNews();
        unlisten = await listenForEnds(db, onEnded, onNews);
      }
      if (!hasNews) await pause(pollMs, watch.signal, (now) => (wake = now));
      hasNews = false;
    }
  } finally {
    await unlisten?.().catch(() => {}); // nobody waits: whether it reaches the server is all one
  }
}

/** Returns after a while, or when woken or aborted. */
function pause(
  ms: number,
  signal: AbortSignal,
  onWakeable: (wake: () => void) => void = () => {},
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
    onWakeable(done);
  });
}
