import type { Chronicle } from "./chronicle.ts";
import type { Run } from "./journal.ts";
import type { Batch } from "./poster.ts";

const faultsToldMax = 20;

/** The starts of jobs before the job that they follow (E1) had come to its end without an error. */
export async function ranTooEarly(
  journal: ReadonlyMap<number, Run[]>,
  batches: readonly Batch[],
  chronicle: Chronicle,
): Promise<string[]> {
  const faults: string[] = [];
  for (const { number, upstream } of batches) {
    if (upstream === null) continue;
    const doneAt = new Map<number, number>();
    for (const { index, endedAt, isDone } of journal.get(upstream) ?? []) {
      if (!isDone || endedAt === null) continue;
      doneAt.set(index, Math.min(endedAt, doneAt.get(index) ?? endedAt));
    }
    for (const { index, startedAt } of journal.get(number) ?? []) {
      chronicle.count("starts of jobs that follow others");
      if (startedAt >= (doneAt.get(index) ?? Number.POSITIVE_INFINITY)) continue;
      faults.push(`job ${index} of batch ${number} started before that of batch ${upstream}`);
    }
  }
  return faults.slice(0, faultsToldMax);
}
