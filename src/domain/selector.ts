import { InvalidInput } from "./errors.ts";

/** Jobs by their index, `first` to `last`, both of them included. */
export interface IndexRange {
  first: number;
  last: number;
}

/** Which postings: by number, the newest so many, or the newest of a name. */
export type PostingPick =
  { by: "number"; id: number } | { by: "last"; count: number } | { by: "name"; name: string };

/** What one word on the command line stands for: postings, or some jobs of one. */
export interface Selector {
  posting: PostingPick;
  /** Null: all of its jobs. Sorted, without overlaps. */
  indices: readonly IndexRange[] | null;
  /** As it was written. */
  text: string;
}

export const selectorForms = "42, 42/7, 42/1-100,205, last, last:3, @name or -";

/** What a posting may be called, so that `@name` and `@name/7` can't be read in two ways. */
export const postingNamePattern = /^[\p{L}_][\p{L}\p{N}_.:+-]{0,99}$/u;

const largestIndex = 2 ** 31 - 1;

/**
 * Reads one selector: `42`, `last`, `last:3` and `@name` are postings; followed by `/7`, `/1-100`
 * or `/1-100,205` they are jobs of that posting, by index. `-` is not one: {@link selectorsIn}
 * reads what comes from standard input then.
 *
 * @throws {InvalidInput} saying what was expected.
 */
export function parseSelector(text: string): Selector {
  const [posting = "", ...rest] = text.split("/");
  const indices = rest.length === 0 ? null : parseIndices(text, rest.join("/"));
  const pick = parsePick(text, posting);
  if (indices !== null && pick.by === "last" && pick.count > 1) {
    throw wrong(text, "expected jobs of one posting, as in last/7");
  }
  return { posting: pick, indices, text };
}

/** Selectors separated by white space, as a pipe brings them: one or more a line. */
export const selectorsIn = (text: string): Selector[] =>
  text
    .split(/\s+/)
    .filter((word) => word !== "")
    .map(parseSelector);

function parsePick(text: string, posting: string): PostingPick {
  if (/^[1-9]\d{0,15}$/.test(posting) && Number(posting) <= Number.MAX_SAFE_INTEGER) {
    return { by: "number", id: Number(posting) };
  }
  if (posting === "last") return { by: "last", count: 1 };
  const [, count] = /^last:([1-9]\d{0,5})$/.exec(posting) ?? [];
  if (count !== undefined) return { by: "last", count: Number(count) };
  if (posting.startsWith("@")) {
    const name = posting.slice(1);
    if (postingNamePattern.test(name)) return { by: "name", name };
    throw wrong(text, "expected a name of letters, digits, _ . : + and - after the @");
  }
  throw wrong(text, `expected ${selectorForms}`);
}

function parseIndices(text: string, list: string): IndexRange[] {
  const ranges = list.split(",").map((part) => {
    const [, from, to] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part) ?? [];
    const range = { first: Number(from ?? Number.NaN), last: Number(to ?? from) };
    if (!(range.last <= largestIndex)) {
      throw wrong(text, "expected indices after the slash, as in 42/7 or 42/1-100,205");
    }
    if (range.last < range.first) {
      throw wrong(text, `expected the smaller index first, as in ${range.last}-${range.first}`);
    }
    return range;
  });
  return mergeRanges(ranges);
}

/** Sorted, and ranges that touch or overlap made one: no job is selected twice. */
export function mergeRanges(ranges: readonly IndexRange[]): IndexRange[] {
  const merged: IndexRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before && range.first <= before.last + 1) before.last = Math.max(before.last, range.last);
    else merged.push({ ...range });
  }
  return merged;
}

/** These ranges but for one index. */
export const withoutIndex = (ranges: readonly IndexRange[], index: number): IndexRange[] =>
  ranges.flatMap(({ first, last }) =>
    index < first || index > last
      ? [{ first, last }]
      : [
          { first, last: index - 1 },
          { first: index + 1, last },
        ].filter((range) => range.first <= range.last),
  );

const wrong = (text: string, expected: string) =>
  new InvalidInput(`selector "${text}"`, [expected]);
