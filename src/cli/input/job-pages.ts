import type { Db } from "../../db/connection/connect.ts";
import { anyJob, type JobRow, type JobFilter, readJobPage } from "../../db/read/jobs.ts";
import { hasSortedJobs, readResults, type ResultWithArgs } from "../../db/read/results.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { type PostingCounts, readPostingCounts } from "../../db/read/status.ts";
import { firstPageRows, nextPageSize, nextStretch } from "../../db/read/page-size.ts";
import type { IndexRange } from "../../domain/selector.ts";
import { jobStatuses, noJobs } from "../../domain/states.ts";
import { JobNotFound } from "./job-named.ts";
import type { Selected } from "./select.ts";

/** The number of jobs that one query scans at most when few of them match. */
const widestPage = 100_000;

/** The matching jobs of postings, page by page, by index. */
export async function* jobPages(
  db: Db,
  selected: readonly Selected[],
  filter: JobFilter,
): AsyncGenerator<{ postingId: number; rows: JobRow[] }> {
  for (const { id, indices } of selected) {
    const { isSorted, ranges } = await rangesOf(db, id, indices);
    const widest = filter.status === "failed" && !isSorted ? widestPage : 2_000;
    let size = 500;
    for (const { first: from, last } of ranges) {
      for (let first = from; first <= last;) {
        const part = Math.min(size, last - first + 1);
        const page = { postingId: id, first, size: part, isSorted, ...filter };
        const rows = [...(await readJobPage(db, page))];
        if (rows.length > 0) yield { postingId: id, rows };
        first += part;
        const chars = rows.reduce((sum, row) => sum + lengthOf(row), part);
        size = nextStretch(part, rows.length, chars, widest);
      }
    }
  }
}

/** The results of jobs of postings, page by page, by index. */
export async function* resultPages(
  db: Db,
  selected: readonly Selected[],
  { hasArgs }: { hasArgs: boolean },
): AsyncGenerator<{ postingId: number; rows: ResultWithArgs[] }> {
  for (const { id, indices } of selected) {
    const { isSorted, ranges } = await rangesOf(db, id, indices);
    let size = firstPageRows;
    for (const { first: from, last } of ranges) {
      for (let first = from; first <= last;) {
        const part = Math.min(size, last - first + 1);
        const page = { postingId: id, first, size: part, isSorted, hasArgs };
        const rows = [...(await readResults(db, page))];
        yield { postingId: id, rows };
        first += part;
        const chars = rows.reduce(
          (sum, { result, error, args }) =>
            sum + (result?.length ?? 0) + (error?.length ?? 0) + (args?.length ?? 0),
          part,
        );
        size = nextPageSize(part, chars);
      }
    }
  }
}

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

const lengthOf = ({ args, stdout, stderr }: JobRow) =>
  args.length + (stdout?.length ?? 0) + (stderr?.length ?? 0);

/** The selected ranges of indices, limited to the jobs that the posting has. */
async function rangesOf(db: Db, id: number, indices: readonly IndexRange[] | null) {
  const [posting] = await findPostings(db, [id]);
  const last = (posting?.jobCount ?? 0) - 1;
  const ranges = (indices ?? [{ first: 0, last }])
    .filter(({ first }) => first <= last)
    .map((range) => ({ first: range.first, last: Math.min(range.last, last) }));
  return { ranges, isSorted: await hasSortedJobs(db, id) };
}
