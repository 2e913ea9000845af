import type { Db } from "../../db/connection/connect.ts";
import { type RoutedPosting, readRoutedPostings } from "../../db/read/routed-postings.ts";
import { findPicked } from "../../db/read/selection.ts";
import { unmetNeeds } from "../../domain/capabilities.ts";
import { InvalidInput } from "../../domain/errors.ts";
import { isOfProject, mayServe, type PoolScope } from "../../domain/route.ts";
import { parseSelector } from "../../domain/selector.ts";
import { startPool } from "../../domain/start-pool.ts";
import { lackText } from "../../domain/unmet-text.ts";
import { findWholePostings } from "./select.ts";

/** The values of `--posting` and `--name`, each a word or several with commas between them. */
export interface ChosenWords {
  postings: readonly string[];
  names: readonly string[];
}

/**
 * The postings that a pool is to serve, such as 42 or @night; null for all. Reports the ones of
 * which nothing can run now.
 *
 * @throws {InvalidInput} if the pool can't run one of the numbered postings.
 */
export async function choosePostings(
  db: Db,
  { postings, names }: ChosenWords,
  scope: PoolScope,
  say: (line: string) => void,
): Promise<string[] | null> {
  if (postings.length + names.length === 0) return null;
  const selectors = wordsOf(postings).map(parseSelector);
  const ids = await findWholePostings(db, selectors);
  for (const posting of await readRoutedPostings(db, ids)) {
    const fault = faultOf(posting, scope);
    if (fault !== null) throw new InvalidInput(`--posting ${posting.id}`, [fault]);
    const news = newsOf(posting);
    if (news !== null) say(`posting ${posting.id} ${news}`);
  }
  const named = wordsOf(names).map((name) => (name.startsWith("@") ? name : `@${name}`));
  for (const name of named) {
    const found = await findPicked(db, parseSelector(name).posting);
    if (found.length === 0) say(`no posting has the name "${name.slice(1)}" yet`);
  }
  return [...ids.map(String), ...named];
}

const wordsOf = (values: readonly string[]): string[] =>
  values.flatMap((value) => value.split(",")).map((word) => word.trim());

/** Why the pool can never run it; null if it can. */
function faultOf({ id, route }: RoutedPosting, scope: PoolScope): string | null {
  const how = `Run: ${startPool(route)} --posting ${id}`;
  if (route.run !== "") return "its `pdoflow run` alone can run its jobs";
  if (!isOfProject(route, scope)) {
    return `it belongs to the project ${route.project}, and this pool to ${scope.project}. ${how}`;
  }
  if (unmetNeeds(route.needs, scope.provides).length > 0) {
    return `it ${lackText(route.needs, scope.provides)}. ${how}`;
  }
  return mayServe(route, scope) ? null : `this pool does not run jobs of ${route.poster}`;
}

/** Why nothing of it runs now; null if it is open. */
function newsOf({ id, state, isEnded }: RoutedPosting): string | null {
  if (isEnded) return "has ended";
  return state === "open" ? null : `is ${state}; resume it with: pdoflow resume ${id}`;
}
