/** The approximate characters of a page of rows, and its maximum number of rows. */
const pageChars = 2 ** 20;
const pageRows = 2_000;
export const firstPageRows = 10;

/** The number of rows of the next page, after one of `rows` rows with `chars` characters. */
export function nextPageSize(rows: number, chars: number): number {
  return Math.min(pageRows, Math.ceil((rows * pageChars) / chars));
}

/** The number of jobs to search next, at most `widest`, if few of them may match. */
export function nextStretch(looked: number, found: number, chars: number, widest: number): number {
  const fitting = found === 0 ? 8 * looked : nextPageSize(looked, chars);
  return Math.max(1, Math.min(fitting, widest));
}
