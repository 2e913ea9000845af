import type { RunnablePosting } from "../../db/engine/leases.ts";
import { type JobTime, measured } from "../../domain/chunk-size.ts";

export const entryPointsKept = 100;
/**
 * If N or fewer failures in a row would stop a posting, it continues one by one while it only
 * fails.
 */
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

  /** An attempt has ended by itself. */
  learn(
    { entryPoint, stopAfter }: Pick<RunnablePosting, "entryPoint" | "stopAfter">,
    { durationMs, isDone }: { durationMs: number; isDone: boolean },
  ): void {
    if (isDone) {
      if (this.#failed.size > 0) this.#failed.delete(entryPoint);
      learn(this.#done, entryPoint, durationMs);
      return;
    }
    const isCareful = stopAfter > 0 && stopAfter <= carefulUpTo;
    if (!isCareful && !this.#done.has(entryPoint)) learn(this.#failed, entryPoint, durationMs);
  }
}

function learn(times: Map<string, JobTime>, entryPoint: string, durationMs: number): void {
  times.set(entryPoint, measured(times.get(entryPoint) ?? null, durationMs));
  if (times.size <= entryPointsKept) return;
  for (const first of times.keys()) return void times.delete(first);
}
