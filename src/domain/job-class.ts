import type { Counts } from "./capabilities.ts";
import type { Ledger } from "./ledger.ts";

/** What a job takes that counts nothing. */
export const plainCounts: Counts = { cpus: 1 };

/** The class of such jobs. Their workers know of no share. */
export const plainKey = "";

/** Equal for jobs that take the same amounts; `counts` is null for jobs that count nothing. */
export const classKey = (counts: Counts | null): string =>
  counts === null ? plainKey : JSON.stringify(counts);

/** The workers and jobs of one class. */
export interface ClassRoom {
  /** The workers that hold what such a job takes, and those of them that have no job yet. */
  holding: number;
  starting: number;
  /** The unassigned jobs. */
  backlog: number;
}

/** The resources of a runner that divides them among its workers. */
export interface Resources {
  /** What no job has. */
  readonly free: Ledger;
  /** The class of jobs with these counts. */
  of(counts: Counts | null): ClassRoom;
}
