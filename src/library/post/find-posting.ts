import type { JobFunction } from "../../job/job-mark.ts";
import type { ResultOf } from "./post-work.ts";
import type { Posting } from "../posting/posting.ts";

/**
 * A handle on a posting by its number, from another process or an earlier day. `fn`, if given, only
 * determines the type of the results.
 *
 * @example const posting = await findPosting(42, fit);
 * @throws {PostingNotFound} no posting has this number.
 * @throws {InvalidInput} `id` is not the number of a posting.
 */
export async function findPosting<F extends JobFunction = () => unknown>(
  id: number,
  _fn?: F | null,
  options: { /** As for `postWork`. */ db?: string | undefined } = {},
): Promise<Posting<ResultOf<F>>> {
  const { openPosting } = await import("../posting/posting.ts");
  return (await openPosting(id, options)) as Posting<ResultOf<F>>;
}
