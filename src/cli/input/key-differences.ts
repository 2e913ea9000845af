import type { Db } from "../../db/connection/connect.ts";
import type { NewPosting } from "../../db/posting/insert.ts";
import {
  type KnownOptions,
  readArgumentsDigest,
  readKnownPosting,
} from "../../db/posting/known-posting.ts";
import { formatNeed } from "../../domain/capabilities.ts";
import type { Edge } from "../../domain/option-values.ts";
import { parse } from "../../domain/parse.ts";
import { optionList, type OptionName, PostingOptions } from "../../domain/posting-options.ts";
import { pluralize } from "../output/pluralize.ts";
import type { CountedJobs } from "./counted-jobs.ts";

/** Arguments of larger postings are not compared: the server would read them all. */
const mostCompared = 100_000;

export interface KeyDifferences {
  /** Whether the posting that has the key is cancelled. */
  isCancelled: boolean;
  differences: string[];
}

/** Compares a posting that was not posted with the posting that has its key. */
export async function keyDifferences(
  db: Db,
  id: number,
  posting: NewPosting,
  jobs: CountedJobs,
): Promise<KeyDifferences> {
  const known = await readKnownPosting(db, id);
  const digest = await jobs.rest(mostCompared);
  const differences: string[] = [];
  if (jobs.count !== known.jobCount) {
    differences.push(`${pluralize(jobs.count, "job")} (posting ${id}: ${known.jobCount})`);
  } else if (jobs.count <= mostCompared && digest !== (await readArgumentsDigest(db, id))) {
    differences.push("other arguments");
  }
  const given = parse(PostingOptions, posting, "options of a posting");
  for (const { name, flag } of optionList) {
    const flagName = name === "after" ? "--after" : flag?.name;
    if (flagName === undefined || known.options[name] === undefined) continue;
    const [text, found] = [textOf(name, given), textOf(name, known.options)];
    if (text !== found) differences.push(`${flagName} ${text} (posting ${id}: ${found})`);
  }
  return { isCancelled: known.state === "cancelled", differences };
}

/** An option as it is read in messages. */
function textOf(name: OptionName, options: KnownOptions): string {
  const value = options[name];
  const { needs = [], maxFailuresPercent = null } = options;
  if (name === "needs") return needs.map(formatNeed).join(",") || "none";
  if (name === "maxFailures" && maxFailuresPercent !== null) return `${maxFailuresPercent}%`;
  if (name === "after") return edgesText(options.after ?? []);
  if (value === null || typeof value === "object") return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return `${String(value)}${name.endsWith("Ms") ? "ms" : ""}`;
}

/** As in "41 (tolerate 1%), any 40". */
function edgesText(edges: readonly Edge[]): string {
  const texts = edges.map(({ posting, kind, tolerateJobs, toleratePercent }) => {
    const tolerance =
      tolerateJobs ?? (toleratePercent === undefined ? null : `${toleratePercent}%`);
    return (
      (kind === "after" ? "" : `${kind} `) +
      String(posting) +
      (tolerance === null ? "" : ` (tolerate ${tolerance})`)
    );
  });
  return [...new Set(texts)].toSorted().join(", ") || "none";
}
