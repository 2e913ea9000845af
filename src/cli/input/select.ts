import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { findInState, findPicked } from "../../db/read/selection.ts";
import { InvalidInput, PostingNotFound } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { liveStates, orList } from "../../domain/states.ts";
import {
  type IndexRange,
  mergeRanges,
  parseSelector,
  type Selector,
  selectorsIn,
} from "../../domain/selector.ts";
import { JobNotFound } from "./job-named.ts";
import { readable } from "./readable.ts";

/** Jobs of one posting; all of them if `indices` is null. */
export interface Selected {
  id: number;
  indices: readonly IndexRange[] | null;
}

/** The values of `--state` for commands that change postings. */
const LiveState = v.optional(v.picklist(liveStates, `expected ${orList(liveStates)}`));

/** The error for a selector without a posting. */
export function postingNotFound({ posting }: Selector): PostingNotFound {
  const what = {
    number: () => `there is no posting ${posting.by === "number" ? posting.id : ""}`,
    last: () => "there are no postings yet",
    name: () => `no posting has the name "${posting.by === "name" ? posting.name : ""}"`,
  }[posting.by]();
  return new PostingNotFound(`${what}. List postings with: pdoflow list --all`);
}

/** Said if `-` was given and standard input is empty. */
export const noneNamed = "standard input names no posting";

/** The selectors on a command line; `-` stands for the selectors on standard input. */
export async function readSelectors(
  words: readonly string[],
  input: AsyncIterable<Uint8Array | string>,
): Promise<Selector[]> {
  const selectors: Selector[] = [];
  for (const word of words) {
    if (word !== "-") selectors.push(parseSelector(word));
    else selectors.push(...selectorsIn(await textOf(readable("standard input", input))));
  }
  return selectors;
}

/**
 * The selected postings, each once, in the order in which they were named.
 *
 * @throws {PostingNotFound}
 * @throws {JobNotFound} if none of the jobs of a selector exists.
 */
export async function findSelected(db: Db, selectors: readonly Selector[]): Promise<Selected[]> {
  const selected = new Map<number, Selected>();
  for (const selector of selectors) {
    const ids = await findPicked(db, selector.posting);
    if (ids.length === 0) throw postingNotFound(selector);
    if (selector.indices) await expectJobs(db, ids, selector.indices);
    for (const id of ids) {
      const before = selected.get(id)?.indices ?? [];
      const isWhole = selector.indices === null || selected.get(id)?.indices === null;
      const indices = isWhole ? null : mergeRanges([...before, ...(selector.indices ?? [])]);
      selected.set(id, { id, indices });
    }
  }
  return [...selected.values()];
}

/** @throws {JobNotFound} if none of the jobs exists. */
async function expectJobs(db: Db, ids: readonly number[], ranges: readonly IndexRange[]) {
  for (const { id, jobCount } of await findPostings(db, ids)) {
    const [one, ...others] = ranges.filter(({ first }) => first >= jobCount);
    if (one && others.length + 1 === ranges.length) throw new JobNotFound(`${id}/${one.first}`);
  }
}

/** Like {@link findSelected}, for commands that take whole postings only. */
export async function findWholePostings(db: Db, selectors: readonly Selector[]): Promise<number[]> {
  const jobs = selectors.find(({ indices }) => indices !== null);
  if (jobs) {
    throw new InvalidInput(`selector "${jobs.text}"`, [
      "expected a whole posting, found single jobs",
    ]);
  }
  return (await findSelected(db, selectors)).map(({ id }) => id);
}

/**
 * The named postings, with `--state` only the ones in that state; without names, all postings in
 * that state. `-` with an empty standard input names no posting.
 */
export async function findPostingsToChange(
  db: Db,
  { words, selectors }: { words: readonly string[]; selectors: readonly Selector[] },
  stateText: string | undefined,
): Promise<number[]> {
  const state = parse(LiveState, stateText, "--state");
  if (state === undefined) {
    if (words.length > 0) return await findWholePostings(db, selectors);
    throw new InvalidInput("postings", [
      "expected postings such as 42, last or @name, or --state, found neither",
    ]);
  }
  const inState = await findInState(db, state);
  if (words.length === 0) return inState;
  const named = new Set(await findWholePostings(db, selectors));
  return inState.filter((id) => named.has(id));
}

async function textOf(input: AsyncIterable<Uint8Array | string>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of input) {
    text += typeof part === "string" ? part : decoder.decode(part, { stream: true });
  }
  return text;
}
