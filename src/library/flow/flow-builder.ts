import type { EdgeKind } from "../../domain/option-values.ts";
import type { JobFunction } from "../../job/job-mark.ts";
import type { Posting } from "../posting/posting.ts";
import type { GatherOptions, Given } from "../post/gather.ts";
import type { GivenOver, OverOptions } from "../post/map-over.ts";
import type {
  Args,
  ArgsButLast,
  FirstArg,
  LastArg,
  PostOptions,
  ResultOf,
} from "../post/post-work.ts";
import type { Source } from "../post/source.ts";

/** Identifies a stage. */
export class StageHandle {
  readonly isStage = true;
}

/** A stage of a flow while the flow is described. Its type has the type of its jobs' results. */
export type Stage<Result = unknown> = StageHandle & {
  /** Only in the type. */
  readonly result?: Result;
};

/** What a stage can wait for: another stage, or a posting that exists. */
export type StageUpstream<Result = unknown> = Stage<Result> | Posting<Result>;

/** The options of a stage besides those of `postWork`: its name, and what it waits for. */
export interface WaitingOptions {
  /** The name of the stage (default: that of the function). */
  stage?: string | undefined;
  /** Wait until all jobs of these have ended, and none failed or was cancelled. */
  after?: readonly StageUpstream[] | undefined;
  /** Wait until all jobs of these have ended, in any way. */
  afterAny?: readonly StageUpstream[] | undefined;
  /** Wait until these have ended with failed jobs, or were stopped for their failures. */
  afterFailed?: readonly StageUpstream[] | undefined;
  /** Wait until a job of each of these has begun. */
  afterStart?: readonly StageUpstream[] | undefined;
  /**
   * With `after`: go on although this number, or this percentage such as `"1%"`, of the jobs failed
   * or were cancelled (default: 0).
   */
  tolerate?: number | `${number}%` | undefined;
}

type Shared = "transaction" | "db" | "key" | "jobKey" | "after";

/** The options of a stage: those of `postWork`, and what it waits for. */
export interface StageOptions extends Omit<PostOptions, Shared>, WaitingOptions {}

/** The options of a stage that reads the results of another one. */
export interface GatherStageOptions<F extends JobFunction>
  extends Omit<GatherOptions<F>, Shared | "tolerate">, WaitingOptions {}

/** The options of a stage whose first arguments are the results of another one. */
export interface OverStageOptions<F extends JobFunction>
  extends Omit<OverOptions<F>, Shared>, WaitingOptions {}

/** @internal An edge of a stage. */
export interface StageEdge {
  upstream: StageUpstream;
  kind: EdgeKind;
}

/** @internal A stage as it was described. */
export interface DescribedStage {
  stage: Stage;
  fn: JobFunction | string;
  jobs: StageJobs;
  edges: readonly StageEdge[];
  options: StageOptions & { with?: readonly never[] | undefined };
}

/** @internal The jobs of a stage: arguments, or the results of another stage. */
export type StageJobs =
  | { from: "arguments"; posargs: Source<readonly unknown[]>; kwargs: Source<object> }
  | { from: "each result"; upstream: StageUpstream }
  | { from: "all results"; upstream: StageUpstream; groupSize: number | null };

/** Describes the stages of a flow, in an order in which each follows those it waits for. */
export class FlowBuilder {
  /** @internal */
  readonly stages: DescribedStage[] = [];

  /**
   * Adds a stage: jobs as for `postWork`.
   *
   * @example const frames = f.post(reduce, files);
   * @example f.post(report, [[]], [], { after: [frames] });
   */
  post(
    entryPoint: string,
    posargs: Source<readonly unknown[]>,
    kwargs?: Source<object>,
    options?: StageOptions,
  ): Stage;
  post<F extends JobFunction>(
    fn: F | string,
    posargs: Source<Args<F>>,
    kwargs?: readonly [],
    options?: StageOptions,
  ): Stage<ResultOf<F>>;
  post<F extends JobFunction>(
    fn: F | string,
    posargs: readonly [],
    kwargs: Source<FirstArg<F>>,
    options?: StageOptions,
  ): Stage<ResultOf<F>>;
  post<F extends JobFunction>(
    fn: F | string,
    posargs: Source<ArgsButLast<F>>,
    kwargs: Source<LastArg<F>>,
    options?: StageOptions,
  ): Stage<ResultOf<F>>;
  post(
    fn: JobFunction | string,
    posargs: Source<readonly unknown[]>,
    kwargs: Source<object> = [],
    options: StageOptions = {},
  ): Stage {
    return this.#add(fn, { from: "arguments", posargs, kwargs }, options);
  }

  /**
   * Adds a stage with a job for each job of another stage, whose result is its first argument. Job
   * i starts once job i of that stage is done.
   *
   * @example const stars = f.over(f.post(reduce, files), measure);
   */
  over(
    stage: StageUpstream,
    entryPoint: string,
    options?: OverStageOptions<(...args: unknown[]) => unknown>,
  ): Stage;
  over<R, F extends JobFunction>(
    stage: StageUpstream<R>,
    fn: F | string,
    ...options: GivenOver<R, F, OverStageOptions<F>>
  ): Stage<ResultOf<F>>;
  over(
    upstream: StageUpstream,
    fn: JobFunction | string,
    options: OverStageOptions<JobFunction> = {},
  ): Stage {
    return this.#add(fn, { from: "each result", upstream }, options);
  }

  /**
   * Adds a stage of one job that reads all results of another stage, with
   * `currentJob().upstream.results()`, once all of its jobs are done.
   *
   * @example f.gather(f.post(measure, files), combine);
   */
  gather(
    stage: StageUpstream,
    entryPoint: string,
    options?: GatherStageOptions<(...args: unknown[]) => unknown>,
  ): Stage;
  gather<F extends JobFunction>(
    stage: StageUpstream,
    fn: F | string,
    ...options: Given<F, GatherStageOptions<F>>
  ): Stage<ResultOf<F>>;
  gather(
    upstream: StageUpstream,
    fn: JobFunction | string,
    options: GatherStageOptions<JobFunction> = {},
  ): Stage {
    return this.#add(fn, { from: "all results", upstream, groupSize: null }, options);
  }

  /**
   * Adds a stage of a tree of jobs that reduce the results of another stage: each reads `size`
   * results, until one job is left.
   *
   * @example f.reduce(f.post(count, files), 1_000, sum);
   */
  reduce(
    stage: StageUpstream,
    size: number,
    entryPoint: string,
    options?: GatherStageOptions<(...args: unknown[]) => unknown>,
  ): Stage;
  reduce<F extends JobFunction>(
    stage: StageUpstream,
    size: number,
    fn: F | string,
    ...options: Given<F, GatherStageOptions<F>>
  ): Stage<ResultOf<F>>;
  reduce(
    upstream: StageUpstream,
    size: number,
    fn: JobFunction | string,
    options: GatherStageOptions<JobFunction> = {},
  ): Stage {
    return this.#add(fn, { from: "all results", upstream, groupSize: size }, options);
  }

  #add(fn: JobFunction | string, jobs: StageJobs, options: DescribedStage["options"]): Stage {
    const stage = new StageHandle();
    this.stages.push({ stage, fn, jobs, edges: edgesOf(options), options });
    return stage;
  }
}

function edgesOf({ after, afterAny, afterFailed, afterStart }: StageOptions): StageEdge[] {
  const kinds = { after, any: afterAny, failed: afterFailed, start: afterStart };
  return (["after", "any", "failed", "start"] as const).flatMap((kind) =>
    (kinds[kind] ?? []).map((upstream) => ({ upstream, kind })),
  );
}
