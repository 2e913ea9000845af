import type { OutcomeState } from "../domain/attempt.ts";
import type { PoolSummary } from "./options.ts";

/** For outcomes that could not be written as they were: what was thought to be done has failed. */
export const countAsFailed =
  (summary: PoolSummary, log: (line: string) => void) =>
  (state: OutcomeState, sentence: string): void => {
    log(sentence);
    if (state !== "done") return;
    summary.done--;
    summary.failed++;
  };

/** For outcomes that came too late. */
export const countRefused =
  (summary: PoolSummary, log: (line: string) => void) =>
  (count: number): void => {
    summary.refused += count;
    log(`${count} outcomes were refused: their leases had been taken away`);
  };
