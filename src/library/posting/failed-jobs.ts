import type { Db } from "../../db/connection/connect.ts";
import { anyJob, type JobPage, jobPagesOf, readJobPage } from "../../db/read/jobs.ts";
import type { JobError } from "../../domain/attempt.ts";

/** A job that has permanently failed. */
export interface FailedJob {
  /** The index of the job in its posting, from 0. */
  index: number;
  /** The number of attempts. */
  attempts: number;
  /** The error of its last attempt. */
  error: JobError | null;
  endedAt: Date | null;
  /** The machine of the last attempt; null if it never began. */
  host: string | null;
  /** The output of the last attempt, as far as the posting keeps it. */
  stdout: string | null;
  stderr: string | null;
}

/** @internal The failed jobs of a posting by index, page by page. */
export async function* failedJobs(
  use: <T>(work: (db: Db) => PromiseLike<T>) => Promise<T>,
  { jobCount, ...posting }: { postingId: number; jobCount: number; isSorted: boolean },
): AsyncGenerator<FailedJob, void, undefined> {
  const all = { ...posting, ranges: [{ first: 0, last: jobCount - 1 }] };
  const read = (page: JobPage) => use((db) => readJobPage(db, page));
  for await (const rows of jobPagesOf(read, all, { ...anyJob, status: "failed" })) {
    for (const { index, attempts, error, endedAt, host, stdout, stderr } of rows) {
      yield { index, attempts, error, endedAt, host, stdout, stderr };
    }
  }
}
