/** Separates the arguments of jobs: each is JSON on one line (J3). */
export const separator = "\n";
/** Separates blocks of jobs; no JSON text contains it. `separator` in sql/ too. */
export const blockSeparator = "\u001e";

/**
 * PostgreSQL's text form of an array, to be cast in the statement (`${integers(xs)}::int[]`).
 * postgres.js would have to query the array types on each connection, and is slower.
 */
export const integers = (xs: readonly (number | null)[]): string =>
  `{${(xs.includes(null) ? xs.map((x) => x ?? "null") : xs).join(",")}}`;

/** As {@link integers}, for any text; null becomes SQL null. */
export const texts = (xs: readonly (string | null)[]): string =>
  `{${xs.map((x) => (x === null ? "null" : `"${x.replace(/["\\]/g, "\\$&")}"`)).join(",")}}`;
