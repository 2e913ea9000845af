import type { Db } from "../../db/connection/connect.ts";
import type { RunnablePosting } from "../../db/engine/leases.ts";
import type { LeasedRun } from "../wire/leased-run.ts";

/** The jobs of a claim that may not run. */
export interface PolicyDecision {
  /** The reason for each posting that may not run. */
  refused: Map<number, string>;
  /** Whether workers may have imported other code than the signed code. */
  isCodeNew: boolean;
}

/** Decides which postings a pool runs. */
export interface AdmissionPolicy {
  check(runs: readonly LeasedRun[], ask: AskDatabase): Promise<PolicyDecision>;
  /** The postings that it would refuse regardless of their jobs, each with the reason. */
  screen(
    postings: readonly RunnablePosting[],
    ask: AskDatabase,
  ): Promise<ReadonlyMap<number, string>>;
  /** Whether it may decide differently since the last call, because the trusted keys changed. */
  hasChanged(): boolean;
  /** Postings may have other numbers by now: another server has taken the database over. */
  forget(): void;
}

/** Sends a statement to the database. */
export type AskDatabase = <T>(work: (db: Db) => Promise<T>) => Promise<T>;
