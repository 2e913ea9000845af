import type { IndexRange } from "../../domain/selector.ts";

/** The approximate characters of a page of rows, and its maximum number of rows. */
const pageChars = 2 ** 20;
const pageRows = 2_000;
export const firstPageRows = 10;
/** The number of jobs to search first, if few of them may match. */
const firstStretch = 500;

/** The number of rows of the next page, after one of `rows` rows with `chars` characters. */
export function nextPageSize(rows: number, chars: number): number {
  return Math.min(pageRows, Math.ceil((rows * pageChars) / chars));
}

/** The number of jobs to search next, at most `widest`, if few of them may match. */
function nextStretch(looked: number, found: number, chars: number, widest: number): number {
  const fitting = found === 0 ? 8 * looked : nextPageSize(looked, chars);
  return Math.max(1, Math.min(fitting, widest));
}

/**
 * Reads rows by index, page by page. The size of a page follows from the rows before it. With
 * `widest`, few jobs may match: then that many are searched at once, at most.
 */
export async function* pagesOf<Row>(
  ranges: readonly IndexRange[],
  read: (first: number, size: number) => PromiseLike<readonly Row[]>,
  { charsOf, widest }: { charsOf: (row: Row) => number; widest?: number },
): AsyncGenerator<readonly Row[], void, undefined> {
  let size = widest === undefined ? firstPageRows : firstStretch;
  for (const { first: from, last } of ranges) {
    for (let first = from; first <= last;) {
      const part = Math.min(size, last - first + 1);
      const rows = await read(first, part);
      yield rows;
      first += part;
      const chars = rows.reduce((sum, row) => sum + charsOf(row), part);
      size =
        widest === undefined
          ? nextPageSize(part, chars)
          : nextStretch(part, rows.length, chars, widest);
    }
  }
}
