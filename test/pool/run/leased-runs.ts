import * as v from "valibot";

import { PostingOptions } from "../../../src/domain/posting-options.ts";
import type { LeasedRun } from "../../../src/pool/wire/leased-run.ts";

export const posting = (id: number): LeasedRun["posting"] => ({
  ...v.parse(PostingOptions, { maxAttempts: 1, graceMs: 0, stopAfter: 0, keepsResults: false }),
  ...{
    id,
    routeId: 1,
    entryPoint: "a.ts#f",
    jobCount: 100,
    isSorted: false,
    upstream: null,
    schedule: null,
  },
  ...{ hasFailureLimit: false, hasRate: false, maxResultBytes: null, maxOutputBytes: null },
});

/** A run of jobs of posting 1, whose arguments are their seqs; `more` replaces some properties. */
export const leasedRun = (
  firstSeq: number,
  count: number,
  more: Partial<LeasedRun> = {},
): LeasedRun => ({
  ...{ leaseId: 1, runningLimit: null, posting: one, firstSeq, count, indexes: null, attempt: 1 },
  ...{ startBy: null, args: lines(firstSeq, count) },
  ...more,
});

/** The arguments of jobs, a line for each. */
export const lines = (firstSeq: number, count: number): string =>
  Array.from({ length: count }, (_, offset) => `[${firstSeq + offset}]`).join("\n");

/** The seqs and the arguments of runs. */
export const shown = (runs: readonly LeasedRun[]) =>
  runs.map(({ firstSeq, count, args }) => [firstSeq, count, args]);

const one = posting(1);
