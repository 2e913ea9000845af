/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The library: marks functions as jobs, posts them, waits for them, runs a pool. For Bun, and for
 * Node 20.19 or later. Importing it connects to nothing. docs/library.md shows how to use it.
 */
export { job, type JobFunction, type JobOptions } from "./job/job-mark.ts";
export type { ChildOptions } from "./domain/child-options.ts";
export type { JobError } from "./domain/attempt.ts";
export { type CurrentJob, currentJob, type JobResource } from "./job/current-job.ts";
export type { Upstream, UpstreamResult } from "./job/upstream.ts";
export { ArgumentsRefused } from "./job/accept-arguments.ts";
export { PdoflowError } from "./domain/errors.ts";
export type { StandardSchema } from "./job/standard-schema.ts";
export { FatalError, RetryAfter } from "./job/thrown.ts";
export type { Transaction } from "./db/posting/transaction.ts";
export type { JobCounts, PostingState } from "./domain/states.ts";
export { ClusterPool, type ClusterPoolOptions } from "./library/pool/cluster-pool.ts";
export { close } from "./library/connection/close.ts";
export {
  type PostOptions,
  type PostWorkOf,
  postWork,
  type ResultOf,
} from "./library/post/post-work.ts";
export type { After, AfterPosting } from "./library/post/after.ts";
export { gather, type GatherOptions, reduce } from "./library/post/gather.ts";
export { mapOver, type OverOptions } from "./library/post/map-over.ts";
export { type JobPostOptions, post } from "./library/post/post-one.ts";
export { flow, type FlowOptions } from "./library/flow/flow.ts";
export type {
  FlowBuilder,
  GatherStageOptions,
  OverStageOptions,
  Stage,
  StageOptions,
  StageUpstream,
  WaitingOptions,
} from "./library/flow/flow-builder.ts";
export type { Flow } from "./library/flow/posted-flow.ts";
export { Schedule, schedule, type ScheduleOptions } from "./library/schedule/schedule.ts";
export type { FailedJob } from "./library/posting/failed-jobs.ts";
export { NumberRange, Product, product, range } from "./library/post/product.ts";
export { findPosting } from "./library/post/find-posting.ts";
export type { JobResult, Posting, ResultOptions } from "./library/posting/posting.ts";
export type { PostingStatus } from "./library/wait/posting-status.ts";
export type { WaitOptions } from "./library/wait/wait-limit.ts";
export { type JobHandle, Registry } from "./library/post/registry.ts";
export type { Source } from "./library/post/source.ts";
export { Value, type ValueOptions } from "./library/value/value.ts";
export { type SharedValue, variables } from "./library/value/variables.ts";
export {
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPostgres,
  fromPrisma,
} from "./library/post/transactions.ts";
