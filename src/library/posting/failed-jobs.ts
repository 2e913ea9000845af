import { anyJob, type JobRow, readJobPage } from "../../db/read/jobs.ts";
import { nextStretch } from "../../db/read/page-size.ts";
import type { JobError } from "../../domain/attempt.ts";
import type { Connection } from "../connection/connection.ts";

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

/** The jobs read to find a failed one; more if an index contains only failures. */
const widest = { sorted: 2_000, plain: 100_000 };

/** @internal The failed jobs of a posting by index, page by page. */
export async function* failedJobs(
  connection: Connection,
  posting: { postingId: number; jobCount: number; isSorted: boolean },
): AsyncGenerator<FailedJob, void, undefined> {
  const { postingId, jobCount, isSorted } = posting;
  let size = 500;
  for (let first = 0; first < jobCount;) {
    const part = Math.min(size, jobCount - first);
    const page = { postingId, first, size: part, isSorted, ...anyJob, status: "failed" as const };
    const rows = await connection.use(({ reading }) => readJobPage(reading, page));
    for (const row of rows) yield failedJob(row);
    first += part;
    const chars = rows.reduce((sum, row) => sum + lengthOf(row), part);
    size = nextStretch(part, rows.length, chars, isSorted ? widest.sorted : widest.plain);
  }
}

const failedJob = ({ index, attempts, error, endedAt, host, stdout, stderr }: JobRow) => ({
  ...{ index, attempts, error, endedAt, host, stdout, stderr },
});

const lengthOf = ({ args, stdout, stderr }: JobRow) =>
  args.length + (stdout?.length ?? 0) + (stderr?.length ?? 0);
