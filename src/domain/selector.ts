import { InvalidInput } from "./errors.ts";

/** Jobs by their index, `first` to `last`, both of them included. */
export interface IndexRange {
  first: number;
  last: number;
}

/** Selects postings by number, the newest N, or the newest with a name. */
export type PostingPick =
  { by: "number"; id: number } | { by: "last"; count: number } | { by: "name"; name: string };

/** One word on the command line that selects postings, or jobs of one posting. */
export interface Selector {
  posting: PostingPick;
  /** Sorted, without overlaps; null selects all jobs. */
  indices: readonly IndexRange[] | null;
  /** The original word. */
  text: string;
}

export const selectorForms = "42, 42/7, 42/1-100,205, last, last:3, @name or -";

/** Names of postings, chosen so that `@name` and `@name/7` are unambiguous. */
export const postingNamePattern = /^[\p{L}_][\p{L}\p{N}_.:+-]{0,99}$/u;

const largestIndex = 2 ** 31 - 1;

/**
 * Parses one selector. `42`, `last`, `last:3` and `@name` select postings; with `/7`, `/1-100` or
 * `/1-100,205` they select jobs of a posting by index. `-` is not a selector: the caller reads
 * standard input with {@link selectorsIn}.
 *
 * @throws {InvalidInput}
 */
export function parseSelector(text: string): Selector {
  const [posting = "", ...rest] = text.split("/");
  const indices = rest.length === 0 ? null : parseIndices(text, rest.join("/"));
  const pick = parsePick(text, posting);
  if (indices !== null && pick.by === "last" && pick.count > 1) {
    throw wrong(text, "expected jobs of one posting, such as last/7");
  }
  return { posting: pick, indices, text };
}

/** Parses selectors separated by white space, from standard input. */
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
    throw wrong(text, "expected a name of letters, digits and _.:+- after the @");
  }
  throw wrong(text, `expected ${selectorForms}`);
}

function parseIndices(text: string, list: string): IndexRange[] {
  const ranges = list.split(",").map((part) => {
    const [, from, to] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part) ?? [];
    const range = { first: Number(from ?? Number.NaN), last: Number(to ?? from) };
    if (!(range.last <= largestIndex)) {
      throw wrong(text, "expected indices after the slash, such as 42/7 or 42/1-100,205");
    }
    if (range.last < range.first) {
      throw wrong(text, `expected the smaller index first, such as ${range.last}-${range.first}`);
    }
    return range;
  });
  return mergeRanges(ranges);
}

/** Sorts ranges and merges adjacent and overlapping ones, so that no job is selected twice. */
export function mergeRanges(ranges: readonly IndexRange[]): IndexRange[] {
  const merged: IndexRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before && range.first <= before.last + 1) before.last = Math.max(before.last, range.last);
    else merged.push({ ...range });
  }
  return merged;
}

/** The ranges without one index. */
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
