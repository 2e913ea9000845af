/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The library: marks functions as jobs, posts them, waits for them, runs a pool. For Bun, and for
 * Node 20.19 or later. Importing it connects to nothing. docs/library.md shows how to use it.
 */
export { job, type JobFunction, type JobOptions } from "./domain/job-mark.ts";
export type { JobError } from "./domain/attempt.ts";
export { type CurrentJob, currentJob } from "./domain/current-job.ts";
export { ArgumentsRefused } from "./domain/accept-arguments.ts";
export { PdoflowError } from "./domain/errors.ts";
export type { StandardSchema } from "./domain/standard-schema.ts";
export { FatalError, RetryAfter } from "./domain/thrown.ts";
export type { Transaction } from "./domain/transaction.ts";
export type { JobCounts, PostingState } from "./domain/posting.ts";
export { ClusterPool, type ClusterPoolOptions } from "./library/cluster-pool.ts";
export { close } from "./library/close.ts";
export { type PostOptions, type PostWorkOf, postWork, type ResultOf } from "./library/post-work.ts";
export type { FailedJob } from "./library/failed-jobs.ts";
export { findPosting } from "./library/find-posting.ts";
export type { JobResult, Posting, ResultOptions } from "./library/posting.ts";
export type { PostingStatus } from "./library/posting-status.ts";
export type { WaitOptions } from "./library/wait-limit.ts";
export { type JobHandle, Registry } from "./library/registry.ts";
export type { Source } from "./library/source.ts";
export { Value, type ValueOptions } from "./library/value.ts";
export {
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPostgres,
  fromPrisma,
} from "./library/transactions.ts";
