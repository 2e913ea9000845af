import type { JobFunction } from "../../job/job-mark.ts";
import type { ResultOf } from "./post-work.ts";
import type { Posting } from "../posting/posting.ts";

/**
 * A handle on a posting whose number is known, from another process or an earlier day. `fn`, where
 * it is given, says of which type its results are; it is not looked at.
 *
 * @example const posting = await findPosting(42, fit);
 * @throws {PostingNotFound} there is none of that number.
 * @throws {InvalidInput} `id` is no number of a posting.
 */
export async function findPosting<F extends JobFunction = () => unknown>(
  id: number,
  _fn?: F | null,
  options: { /** As for `postWork`. */ db?: string | undefined } = {},
): Promise<Posting<ResultOf<F>>> {
  const { openPosting } = await import("../posting/posting.ts");
  return (await openPosting(id, options)) as Posting<ResultOf<F>>;
}
