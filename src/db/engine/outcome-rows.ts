import type { OutcomeState } from "../../domain/attempt.ts";
import {
  eachUsage,
  measuredAloneMs,
  sliceUsage,
  spanOf,
  totalUsage,
  unmeasured,
  usageFields,
  type UsageSpans,
} from "../../domain/attempt-usage.ts";
import type { JobLines } from "../../domain/job-lines.ts";
import { blockSeparator, integerColumn, integers } from "../connection/array.ts";
import { inLeaseOrder } from "./leases.ts";

/**
 * The ends of the same attempt at jobs that follow each other in one posting: they have one lease,
 * state and worker.
 */
export interface OutcomeRun {
  leaseId: number;
  postingId: number;
  attempt: number;
  state: OutcomeState;
  workerPid: number;
  firstSeq: number;
  /** When each of them ended, on the performance clock, and how long it took, in ms. */
  endedAt: Float64Array;
  durationsMs: Float64Array;
  /** If `state` is `retried`: the time until the next attempt. */
  delaysMs: Float64Array | null;
  /** JSON of each job; without the separator of blocks. */
  results: JobLines | null;
  errors: JobLines | null;
  /** The output of each job, if it is kept, as a JSON string. */
  stdouts: JobLines | null;
  stderrs: JobLines | null;
  /** The resources that they used; null if they were not measured. */
  usage: UsageSpans | null;
}

export const textKinds = ["results", "errors", "stdouts", "stderrs"] as const;
type TextKind = (typeof textKinds)[number];

/** The most jobs in a row (U5), and the most characters of each text of several jobs (U7). */
const rowJobs = 1_000;
const rowCharacters = 65_536;

/** The most jobs in a row of several workers: it has the worker of each, a number more. */
const mixedRowJobs = 100;

/** The largest number of an offset: a worker may have been stopped for weeks between two jobs. */
const largestOffset = 2 ** 31 - 1;

/** The columns of the jobs of a run from `from` to before `to`. */
export const partOf = (run: OutcomeRun, from: number, to: number) => ({
  firstSeq: run.firstSeq + from,
  endedAt: run.endedAt.subarray(from, to),
  durationsMs: run.durationsMs.subarray(from, to),
  delaysMs: run.delaysMs?.subarray(from, to) ?? null,
  results: run.results?.slice(from, to) ?? null,
  errors: run.errors?.slice(from, to) ?? null,
  stdouts: run.stdouts?.slice(from, to) ?? null,
  stderrs: run.stderrs?.slice(from, to) ?? null,
  usage: run.usage && sliceUsage(run.usage, from, to),
});

/** A part of a run: its jobs from `from` to before `to`. */
interface RunPart {
  run: OutcomeRun;
  from: number;
  to: number;
}

/** Jobs that become one row of `outcome_run`, maybe of several workers. */
class OutcomeRow {
  readonly first: OutcomeRun;
  readonly firstSeq: number;
  readonly #parts: RunPart[] = [];
  readonly #room: Record<TextKind, number> = {
    ...{ results: rowCharacters, errors: rowCharacters },
    ...{ stdouts: rowCharacters, stderrs: rowCharacters },
  };
  count = 0;

  constructor(first: OutcomeRun, from: number) {
    this.first = first;
    this.firstSeq = first.firstSeq + from;
  }

  /** Whether the jobs of a run from an index on follow the ones here, and ended alike. */
  isContinuedBy(run: OutcomeRun, from: number): boolean {
    const { first } = this;
    return (
      run.firstSeq + from === this.firstSeq + this.count &&
      run.leaseId === first.leaseId &&
      run.postingId === first.postingId &&
      run.attempt === first.attempt &&
      run.state === first.state &&
      (this.#isOf(run.workerPid) || this.count + run.durationsMs.length - from <= mixedRowJobs)
    );
  }

  #isOf(workerPid: number): boolean {
    return this.#parts.every(({ run }) => run.workerPid === workerPid);
  }

  /** Adds as many jobs of a run from an index on as there is room for; returns their number. */
  add(run: OutcomeRun, from: number): number {
    let count = Math.min(run.durationsMs.length - from, rowJobs - this.count);
    for (const kind of textKinds) {
      const room = this.#room[kind];
      count = Math.min(count, run[kind]?.fitting(from, room) ?? room); // an empty line each
    }
    if (this.count === 0) count = Math.max(count, 1);
    if (count <= 0) return 0;
    const to = from + count;
    for (const kind of textKinds) {
      const lines = run[kind];
      this.#room[kind] -= count + (lines?.slice(from, to).length ?? 0);
    }
    this.#parts.push({ run, from, to });
    this.count += count;
    return count;
  }

  /** When the first one ended. */
  get endedAt(): number {
    let earliest = Infinity;
    for (const { run, from, to } of this.#parts) {
      for (let i = from; i < to; i++) earliest = Math.min(earliest, run.endedAt[i] ?? Infinity);
    }
    return earliest;
  }

  offsets(endedAt: number): string {
    return this.#numbers((run, i) =>
      Math.min(Math.floor((run.endedAt[i] ?? endedAt) - endedAt), largestOffset),
    );
  }

  get durations(): string {
    return this.#numbers((run, i) => micros(run.durationsMs[i] ?? 0));
  }

  get delays(): string | null {
    if (this.#parts.every(({ run }) => run.delaysMs === null)) return null;
    return this.#numbers((run, i) => Math.round(run.delaysMs?.[i] ?? 0));
  }

  get pids(): string {
    const { workerPid } = this.first;
    if (this.#isOf(workerPid)) return `{${workerPid}}`;
    const all = this.#parts.map(({ run, from, to }) => `,${run.workerPid}`.repeat(to - from));
    return `{${all.join("").slice(1)}}`;
  }

  text(kind: TextKind): string | null {
    if (this.#parts.every(({ run }) => run[kind] === null)) return null;
    const texts = this.#parts.map(
      ({ run, from, to }) => run[kind]?.slice(from, to).text ?? "\n".repeat(to - from - 1),
    );
    return texts.join("\n");
  }

  /** The numbers of U8: of each job if one of them was measured alone, else of all together. */
  get usage(): string | null {
    if (this.#parts.every(({ run }) => run.usage === null)) return null;
    const spans = this.#parts.map(({ run, from, to }) => usageOf(run, from, to));
    const areApart = this.count > 1 && this.#parts.some(hasAlone);
    const usages = areApart ? spans.flatMap((each) => [...eachUsage(each)]) : [totalUsage(spans)];
    return integers(
      usageFields.flatMap((field) => usages.map((usage) => wholeOrNull(usage[field]))),
    );
  }

  #numbers(pick: (run: OutcomeRun, i: number) => number): string {
    const numbers = new Float64Array(this.count);
    let at = 0;
    for (const { run, from, to } of this.#parts) {
      for (let i = from; i < to; i++) numbers[at++] = pick(run, i);
    }
    return integerColumn(numbers);
  }
}

/** Runs as the arrays that `record` takes, in PostgreSQL's text form. */
export interface PackedRuns extends ReturnType<typeof packRuns> {}

/**
 * Joins runs that follow each other to rows, and cuts them where a row is full. `ages` are measured
 * at `now`, on the performance clock. Columns of lists and texts are lists by `blockSeparator`.
 */
export function packRuns(runs: readonly OutcomeRun[], now: number) {
  const rows = rowsOf(runs);
  const endedAt = Float64Array.from(rows, (row) => row.endedAt);
  const column = (pick: (row: OutcomeRow, i: number) => number) =>
    integerColumn(Float64Array.from(rows, pick));
  const lists = (pick: (row: OutcomeRow, i: number) => string) =>
    rows.map(pick).join(blockSeparator);
  const texts = (pick: (row: OutcomeRow) => string | null) => {
    const all = rows.map(pick);
    return all.every((text) => text === null) ? null : all.join(blockSeparator);
  };
  return {
    leases: column(({ first }) => first.leaseId),
    postings: column(({ first }) => first.postingId),
    firsts: column(({ firstSeq }) => firstSeq),
    ends: column(({ firstSeq, count }) => firstSeq + count),
    attempts: column(({ first }) => first.attempt),
    states: `{${rows.map(({ first }) => first.state).join(",")}}`,
    ages: column((_, i) => micros(now - (endedAt[i] ?? now))),
    offsets: lists((row, i) => row.offsets(endedAt[i] ?? now)),
    durations: lists((row) => row.durations),
    pids: lists((row) => row.pids),
    delays: texts((row) => row.delays),
    results: texts((row) => row.text("results")),
    errors: texts((row) => row.text("errors")),
    stdouts: texts((row) => row.text("stdouts")),
    stderrs: texts((row) => row.text("stderrs")),
    usages: texts((row) => row.usage),
  };
}

/** Whether a job of a part was measured alone. */
function hasAlone({ run, from, to }: RunPart): boolean {
  for (let i = from; i < to; i++) if ((run.durationsMs[i] ?? 0) >= measuredAloneMs) return true;
  return false;
}

/** The usage of a part of a run, measured or not. */
const usageOf = ({ usage }: OutcomeRun, from: number, to: number): UsageSpans =>
  usage === null ? spanOf(to - from, unmeasured) : sliceUsage(usage, from, to);

const wholeOrNull = (x: number): number | null => (Number.isNaN(x) ? null : Math.round(x));

function rowsOf(runs: readonly OutcomeRun[]): OutcomeRow[] {
  const rows: OutcomeRow[] = [];
  let row: OutcomeRow | null = null;
  for (const run of inOrder(runs)) {
    for (let from = 0; from < run.durationsMs.length;) {
      if (!row?.isContinuedBy(run, from)) rows.push((row = new OutcomeRow(run, from)));
      const added = row.add(run, from);
      from += added;
      if (added === 0) row = null; // it is full
    }
  }
  return rows;
}

const inOrder = (runs: readonly OutcomeRun[]): readonly OutcomeRun[] =>
  runs.every((run, i) => i === 0 || inLeaseOrder(runs[i - 1] ?? run, run) <= 0)
    ? runs
    : runs.toSorted(inLeaseOrder);

const micros = (ms: number) => Math.round(ms * 1000);
