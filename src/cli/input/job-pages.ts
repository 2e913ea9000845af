import type { Db } from "../../db/connection/connect.ts";
import {
  anyJob,
  type JobFilter,
  jobPagesOf,
  type JobRow,
  readJobPage,
} from "../../db/read/jobs.ts";
import { hasSortedJobs, readResults, type ResultWithArgs } from "../../db/read/results.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { type PostingCounts, readPostingCounts } from "../../db/read/status.ts";
import { pagesOf } from "../../db/read/pages.ts";
import type { IndexRange } from "../../domain/selector.ts";
import { jobStatuses, noJobs } from "../../domain/states.ts";
import { JobNotFound } from "./job-named.ts";
import type { Selected } from "./select.ts";

/** The matching jobs of postings, page by page, by index. */
export async function* jobPages(
  db: Db,
  selected: readonly Selected[],
  filter: JobFilter,
): AsyncGenerator<{ postingId: number; rows: readonly JobRow[] }> {
  for (const { id, indices } of selected) {
    const jobs = { postingId: id, ...(await rangesOf(db, id, indices)) };
    for await (const rows of jobPagesOf((page) => readJobPage(db, page), jobs, filter)) {
      if (rows.length > 0) yield { postingId: id, rows };
    }
  }
}

/** The results of jobs of postings, page by page, by index. */
export async function* resultPages(
  db: Db,
  selected: readonly Selected[],
  { hasArgs }: { hasArgs: boolean },
): AsyncGenerator<{ postingId: number; rows: readonly ResultWithArgs[] }> {
  for (const { id, indices } of selected) {
    const { isSorted, ranges } = await rangesOf(db, id, indices);
    const read = (first: number, size: number) =>
      readResults(db, { postingId: id, first, size, isSorted, hasArgs });
    for await (const rows of pagesOf(ranges, read, { charsOf })) yield { postingId: id, rows };
  }
}

const charsOf = ({ result, error, args }: ResultWithArgs) =>
  (result?.length ?? 0) + (error?.length ?? 0) + (args?.length ?? 0);

/** Counts the jobs of postings by status; only the selected jobs, if not all are selected. */
export async function countSelected(
  db: Db,
  selected: readonly Selected[],
): Promise<PostingCounts[]> {
  const all = await readPostingCounts(
    db,
    selected.map(({ id }) => id),
  );
  const counts: PostingCounts[] = [];
  for (const one of selected) {
    const posting = all.find(({ id }) => id === one.id);
    if (posting) counts.push(one.indices === null ? posting : await countJobs(db, one, posting));
  }
  return counts;
}

async function countJobs(db: Db, one: Selected, posting: PostingCounts): Promise<PostingCounts> {
  const counts = { ...posting, ...noJobs };
  for await (const { rows } of jobPages(db, [one], anyJob)) {
    for (const { status } of rows) counts[status] += 1;
  }
  const total = jobStatuses.reduce((sum, status) => sum + counts[status], 0);
  if (total === 0) throw new JobNotFound(`${one.id}/${one.indices?.[0]?.first ?? 0}`);
  return { ...counts, isEnded: counts.waiting + counts.running + counts.retrying === 0 };
}

/** The selected ranges of indices, limited to the jobs that the posting has. */
async function rangesOf(db: Db, id: number, indices: readonly IndexRange[] | null) {
  const [posting] = await findPostings(db, [id]);
  const last = (posting?.jobCount ?? 0) - 1;
  const ranges = (indices ?? [{ first: 0, last }])
    .filter(({ first }) => first <= last)
    .map((range) => ({ first: range.first, last: Math.min(range.last, last) }));
  return { ranges, isSorted: await hasSortedJobs(db, id) };
}
