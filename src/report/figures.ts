import type { JobError, OutcomeState } from "../domain/attempt.ts";
import type { FlowNode } from "../domain/flow-graph.ts";
import type { FlowState, StageState } from "../domain/flow-status.ts";
import type { AskedResources, Steps } from "../domain/usage-advice.ts";
import type { JobCounts, VisibleState } from "../domain/states.ts";

/** How long attempts took; all null without any. */
export interface Spread {
  count: number;
  sumMs: number;
  meanMs: number | null;
  /** Within 5 %, as the other quantiles. */
  medianMs: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  longestMs: number | null;
}

/** A number for each way in which attempts end. */
export type ByState<T> = Record<OutcomeState, T>;

/** A flag of `pdoflow post` and its value, or another property of a posting. */
export interface NamedOption {
  name: string;
  value: string;
}

/** What the attempts of a posting used, and what its jobs asked for. */
export interface UsageFigures {
  attempts: number;
  /** The attempts of which the CPU time was measured. */
  measured: number;
  cpuUserMs: number | null;
  cpuSystemMs: number | null;
  /** The cores that they used on average; null if nothing was measured. */
  cores: number | null;
  peakBytes: number | null;
  readBytes: number | null;
  writtenBytes: number | null;
  asked: AskedResources;
  /** As `--needs` takes them. */
  suggestedNeeds: string | null;
  /** Attempts by their peak of memory, in bytes. */
  peaks: Steps;
  /** The time of attempts in ms by the cores that they used. */
  coreSteps: Steps;
}

export interface PostingFigures {
  id: number;
  name: string | null;
  flow: number | null;
  stage: string | null;
  entryPoint: string;
  command: string | null;
  state: VisibleState;
  reason: string | null;
  poster: string;
  posterOs: string;
  project: string | null;
  schedule: string | null;
  postedAt: Date;
  /** When the first of its ended attempts began. */
  startedAt: Date | null;
  endedAt: Date | null;
  jobCount: number;
  jobs: JobCounts;
  /** The options that differ from the defaults. */
  options: NamedOption[];
  /** The digest of the code, if it was signed and pinned. */
  codeDigest: string | null;
  /** What it waits for, or why it is blocked; null if it does not wait. */
  waitsFor: string | null;
  /** Of all its attempts that have ended. */
  durations: Spread;
  /** Attempts that failed and were tried again. */
  retried: number;
  /** Null if no attempt has ended. */
  usage: UsageFigures | null;
}

export interface StageFigures {
  stage: string;
  posting: number;
  state: StageState;
  jobCount: number;
  jobs: JobCounts;
}

export interface FlowFigures {
  id: number;
  name: string;
  state: FlowState;
  poster: string;
  posterOs: string;
  postedAt: Date;
  stages: StageFigures[];
  graph: FlowNode[];
}

/** The period in which attempts ran, in bins of one length. */
export interface Timeline {
  startAt: Date;
  endAt: Date;
  binMs: number;
  /** The attempts that ended in each bin. */
  ended: ByState<number[]>;
  pools: PoolLine[];
}

/** A pool over time, or several together. */
export interface PoolLine {
  /** Null for all pools that are not shown one by one. */
  id: number | null;
  host: string | null;
  pid: number | null;
  /** Null if it is not known any more. */
  slots: number | null;
  /** Null if it is still alive, or not known. */
  startedAt: Date | null;
  endedAt: Date | null;
  /** The number of busy workers in each bin, on average. */
  busy: number[];
}

export interface Machine {
  /** Null for pools that are not known any more. */
  host: string | null;
  pools: number;
  slots: number;
  versions: string[];
  attempts: ByState<number>;
  /** How long attempts ran, all together. */
  busyMs: number;
  /** The time of all its workers while the report's jobs ran; null if it is not known. */
  availableMs: number | null;
}

export interface SlowFigure {
  job: string;
  attempt: number;
  state: OutcomeState;
  durationMs: number;
  endedAt: Date;
  host: string | null;
  args: string | null;
}

export interface FailureFigure {
  posting: number;
  fingerprint: string;
  count: number;
  firstAt: Date | null;
  lastAt: Date | null;
  job: string;
  attempt: number | null;
  host: string | null;
  error: JobError | null;
  stderr: string | null;
  args: string | null;
}

/** Attempts by their number: 1 for the first attempts at all jobs. */
export interface AttemptFigure extends ByState<number> {
  attempt: number;
}

/** The attempts that took from `fromMs` to before `toMs`. */
export interface DurationBar extends ByState<number> {
  fromMs: number;
  toMs: number;
}

/** All that a report shows, without a word about how. */
export interface ReportFigures {
  madeAt: Date;
  /** The version of pdoflow that made it. */
  program: string;
  database: string;
  flows: FlowFigures[];
  postings: PostingFigures[];
  /** Of all postings together. */
  jobs: JobCounts;
  /** Null if no attempt has ended. */
  timeline: Timeline | null;
  durations: Spread & { bars: DurationBar[] };
  attempts: AttemptFigure[];
  slowest: SlowFigure[];
  failures: FailureFigure[];
  /** The number of all groups of failures; `failures` has the largest. */
  failureGroups: number;
  machines: Machine[];
}
