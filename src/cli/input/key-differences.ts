import type { Db } from "../../db/connection/connect.ts";
import type { NewPosting } from "../../db/posting/insert.ts";
import {
  type KnownOptions,
  readArgumentsDigest,
  readKnownPosting,
} from "../../db/posting/known-posting.ts";
import { formatNeed } from "../../domain/capabilities.ts";
import { parse } from "../../domain/parse.ts";
import { PostingOptions, rateText } from "../../domain/posting.ts";
import { pluralize } from "../output/pluralize.ts";
import type { CountedJobs } from "./counted-jobs.ts";

/** Arguments of larger postings are not compared: the server would read them all. */
const mostCompared = 100_000;

/** By flag, the text of each option that a posting has or was given. */
type FlagTexts = Record<string, string>;

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
  const digest = await jobs.rest();
  const differences: string[] = [];
  if (jobs.count !== known.jobCount) {
    differences.push(`${pluralize(jobs.count, "job")} (posting ${id}: ${known.jobCount})`);
  } else if (jobs.count <= mostCompared && digest !== (await readArgumentsDigest(db, id))) {
    differences.push("other arguments");
  }
  const given = givenTexts(posting);
  const found = flagTexts(known.options);
  for (const [flag, text] of Object.entries(given)) {
    if (text !== found[flag]) differences.push(`${flag} ${text} (posting ${id}: ${found[flag]})`);
  }
  return { isCancelled: known.state === "cancelled", differences };
}

function givenTexts(posting: NewPosting): FlagTexts {
  const { maxRate, ...options } = parse(PostingOptions, posting, "options of a posting");
  const { name = null, needs = [], priority } = posting;
  const rate = { rateCount: null, rateMs: null };
  return {
    ...flagTexts({ ...options, ...rate, name, needs, priority }),
    "--max-rate": maxRate ?? "none",
  };
}

function flagTexts(options: KnownOptions): FlagTexts {
  const ms = (value: number | null) => (value === null ? "none" : `${value}ms`);
  const orNone = (value: number | string | null) => String(value ?? "none");
  const percent = options.maxFailuresPercent;
  return {
    "--name": orNone(options.name),
    "--needs": options.needs.map(formatNeed).join(",") || "none",
    "--max-attempts": String(options.maxAttempts),
    "--backoff": ms(options.backoffMs),
    "--timeout": ms(options.timeoutMs),
    "--grace": ms(options.graceMs),
    "--stop-after": String(options.stopAfter),
    "--max-failures": percent === null ? orNone(options.maxFailures) : `${percent}%`,
    "--max-running": orNone(options.maxRunning),
    "--max-rate": orNone(rateText(options.rateCount, options.rateMs)),
    "--results": options.keepsResults ? "yes" : "no",
    "--output": options.keepsOutput,
    "--keep": ms(options.keepMs),
    "--priority": String(options.priority),
  };
}
