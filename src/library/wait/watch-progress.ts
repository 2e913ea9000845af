import type { PostingCounts } from "../../db/read/status.ts";
import type { PostingToken } from "../../db/read/tokens.ts";
import type { EndWatch } from "./end-watch.ts";
import { type PostingStatus, statusOf } from "./posting-status.ts";

/** The status of a posting, after each change, until it has ended; the last one is final. */
export async function* watchProgress(
  ends: EndWatch,
  posting: PostingToken,
  signal: AbortSignal,
): AsyncGenerator<PostingStatus, void, undefined> {
  const left = new AbortController();
  /** The newest only: a slow reader misses those in between. */
  let seen: PostingCounts | undefined;
  let report = () => {};
  const see = (counts: PostingCounts) => {
    seen = counts;
    report();
  };
  const end = ends
    .wait(posting, AbortSignal.any([signal, left.signal]), see)
    .then((counts) => ({ counts }))
    .catch((error: unknown) => ({ error })); // reported below
  let last = "";
  try {
    for (;;) {
      const news = new Promise<undefined>((resolve) => (report = () => resolve(undefined)));
      const ended = seen ? undefined : await Promise.race([end, news]);
      if (ended && "error" in ended) throw ended.error;
      const counts: PostingCounts | undefined = ended?.counts ?? seen;
      seen = undefined;
      const text = JSON.stringify(counts);
      if (counts && text !== last) yield statusOf(counts);
      last = text;
      if (ended) return;
    }
  } finally {
    left.abort();
  }
}
