import type { JobError } from "../../domain/attempt.ts";
import { asJob } from "../../job/current-job.ts";
import { jobError } from "../../job/job-error.ts";
import { retryOf } from "../../job/thrown.ts";
import { decodeArgs } from "../../job/values.ts";
import type { JobContext } from "./job-context.ts";
import { encodeResult } from "./job-result.ts";
import { isEndByStopSignal } from "./stop-evidence.ts";
import { callEntryPoint, type EntryFunction } from "../entry/load-entry-point.ts";
import type { AttemptResult } from "../wire/ends.ts";

// User code may replace it.
const { stringify } = JSON;

type EncodedResult = Pick<AttemptResult, "isDone" | "text" | "retry" | "isByStopSignal">;

/**
 * Runs one attempt and returns the encoded result (null for undefined) or the encoded error.
 * `restore` is called when the job's code has ended, before its result is used.
 */
export async function attempt(
  fn: Promise<EntryFunction>,
  args: string,
  keepsResults: boolean,
  context: JobContext,
  restore: () => void = () => {},
): Promise<EncodedResult> {
  let result: unknown;
  try {
    const call = await fn;
    const given = decodeArgs(args);
    result = await asJob(context, () => callEntryPoint(call, given));
    if (context.isPosting) await context.posted(); // it may not have awaited them
    restore();
  } catch (thrown) {
    restore();
    // Until then it counts as running: its pool keeps one call for each worker.
    while (context.isPosting) await context.posted().catch(() => {});
    const isByStopSignal = isEndByStopSignal(thrown);
    return {
      ...{ isDone: false, text: stringify(jobError(thrown)), retry: retryOf(thrown) },
      isByStopSignal,
    };
  } finally {
    context.end();
  }
  if (!keepsResults || result === undefined) return { isDone: true, text: null, retry: null };
  try {
    return { isDone: true, text: encodeResult(result), retry: null };
  } catch (cause) {
    // Its work is done: another attempt would do it twice.
    const text = stringify(resultLost(jobError(cause), context.attempt));
    return { isDone: false, text, retry: "never" };
  } finally {
    if (typeof result === "object") restore(); // a getter or a toJSON of it may have been called
  }
}

const resultLost = (error: JobError, number: number): JobError => ({
  ...error,
  message:
    `attempt ${number} of the job returned, so its work is done, but its result can't be kept: ` +
    `${error.message} Or post with --no-results (keepsResults: false). It is not tried again.`,
});
