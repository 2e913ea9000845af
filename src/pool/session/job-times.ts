import type { RunnablePosting } from "../../db/engine/leases.ts";
import { type JobTime, measured, measuredAll } from "../../domain/chunk-size.ts";
import { dropOldest } from "../../domain/drop-oldest.ts";

export const entryPointsKept = 100;
/** If N or fewer failures would stop a posting, it continues one by one while it only fails. */
const carefulUpTo = 100;

/**
 * The durations of the jobs of each entry point. Failed attempts often end sooner than successful
 * ones, and count only while no success is known.
 */
export class JobTimes {
  readonly #done = new Map<string, JobTime>();
  readonly #failed = new Map<string, JobTime>();

  of(entryPoint: string): JobTime | null {
    return this.#done.get(entryPoint) ?? this.#failed.get(entryPoint) ?? null;
  }

  get all(): [entryPoint: string, time: JobTime][] {
    return [...this.#failed, ...this.#done];
  }

  /** Attempts were done, one after the other. */
  learnDone({ entryPoint }: Pick<RunnablePosting, "entryPoint">, durationsMs: Float64Array): void {
    if (this.#failed.size > 0) this.#failed.delete(entryPoint);
    const time = measuredAll(this.#done.get(entryPoint) ?? null, durationsMs);
    if (time) keep(this.#done, entryPoint, time);
  }

  /** An attempt has failed by itself. */
  learnFailed(
    { entryPoint, stopAfter }: Pick<RunnablePosting, "entryPoint" | "stopAfter">,
    durationMs: number,
  ): void {
    const isCareful = stopAfter > 0 && stopAfter <= carefulUpTo;
    if (isCareful || this.#done.has(entryPoint)) return;
    const before = this.#failed.get(entryPoint) ?? null;
    keep(this.#failed, entryPoint, measured(before, durationMs));
  }
}

function keep(times: Map<string, JobTime>, entryPoint: string, time: JobTime): void {
  times.set(entryPoint, time);
  dropOldest(times, entryPointsKept);
}
