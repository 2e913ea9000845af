import { asJob } from "../domain/current-job.ts";
import { jobError } from "../domain/job-error.ts";
import { retryOf } from "../domain/thrown.ts";
import { decodeArgs } from "../domain/values.ts";
import type { JobContext } from "./job-context.ts";
import { encodeResult } from "./job-result.ts";
import { callEntryPoint, type EntryFunction } from "./load-entry-point.ts";
import type { End } from "./protocol.ts";

/** One attempt: the encoded result (null for undefined) or the encoded error. */
export async function attempt(
  fn: Promise<EntryFunction>,
  args: string,
  keepsResults: boolean,
  context: JobContext,
): Promise<Pick<End, "isDone" | "text" | "retry">> {
  try {
    const call = await fn;
    const given = decodeArgs(args);
    const result = await asJob(context, () => callEntryPoint(call, given));
    return { isDone: true, text: keepsResults ? encodeResult(result) : null, retry: null };
  } catch (thrown) {
    return { isDone: false, text: JSON.stringify(jobError(thrown)), retry: retryOf(thrown) };
  } finally {
    context.end();
  }
}
