import type { RunnablePosting } from "../db/leases.ts";

/** A leased job in the hands of this pool. */
export interface HeldJob {
  leaseId: number;
  posting: RunnablePosting;
  seq: number;
  attempt: number;
  /** Its encoded arguments. */
  args: string;
}

/** Lists of jobs that share an entry point, in the order in which they come. */
export function byEntryPoint(jobs: readonly HeldJob[]): HeldJob[][] {
  const lists: HeldJob[][] = [];
  for (const job of jobs) {
    const last = lists.at(-1);
    if (last?.[0]?.posting.entryPoint === job.posting.entryPoint) last.push(job);
    else lists.push([job]);
  }
  return lists;
}
