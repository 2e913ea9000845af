import type { Db } from "../../db/connection/connect.ts";
import type { LeasedJob } from "../wire/leased-job.ts";

/** What of the jobs of a claim is not to be run. */
export interface Verdict {
  /** The postings that are not to be run, with the reason of each. */
  refused: Map<number, string>;
  /** Whether workers may have imported other code than what was signed. */
  isCodeNew: boolean;
}

/** Whoever decides that. `ask` asks the database. */
export interface Judge {
  check(jobs: readonly LeasedJob[], ask: Ask): Promise<Verdict>;
  /** Whether it may decide otherwise than at the last look: it trusts other keys. */
  hasChanged(): boolean;
}

export type Ask = <T>(work: (db: Db) => Promise<T>) => Promise<T>;
