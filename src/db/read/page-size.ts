/** The approximate characters of a page of rows, and its most rows. */
const pageChars = 2 ** 20;
const pageRows = 2_000;
export const firstPageRows = 10;

/** The rows of the next page, after one of `rows` rows with `chars` characters. */
export function nextPageSize(rows: number, chars: number): number {
  return Math.min(pageRows, Math.ceil((rows * pageChars) / chars));
}

/** How many jobs to look at next, where few of them may be found, and `widest` at most. */
export function nextStretch(looked: number, found: number, chars: number, widest: number): number {
  const fitting = found === 0 ? 8 * looked : nextPageSize(looked, chars);
  return Math.max(1, Math.min(fitting, widest));
}
