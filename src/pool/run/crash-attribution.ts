import type { LeasedJob } from "../wire/leased-job.ts";

/** After N crashes between two jobs the job that came next each time is the cause. */
const crashesMax = 3;

/**
 * Crashes of workers that reported no running job. Usually no job caused such a crash. But if the
 * same job came next each time, it may have written to the shared page to hide that it ran, and
 * would be tried for ever.
 */
export class CrashAttribution {
  readonly #crashes = new WeakMap<LeasedJob, number>();

  /** The job that caused one more crash, of the jobs of the worker in their order; or null. */
  attributeCrash([first]: readonly LeasedJob[]): LeasedJob | null {
    if (!first) return null;
    const crashes = (this.#crashes.get(first) ?? 0) + 1;
    this.#crashes.set(first, crashes);
    return crashes < crashesMax ? null : first;
  }
}
