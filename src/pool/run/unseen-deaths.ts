import type { LeasedJob } from "../wire/leased-job.ts";

/** So often a job may be first in line in a worker that dies between two jobs, as it seems. */
const mostDeaths = 3;

/**
 * Workers that died and said that they ran nothing. That is nobody's fault, unless it is always the
 * same job that came next: it may have written so into the shared page, to be tried for ever.
 */
export class UnseenDeaths {
  readonly #deaths = new WeakMap<LeasedJob, number>();

  /** The job to blame for one more, of those that the worker had, in their order; null for none. */
  blame([first]: readonly LeasedJob[]): LeasedJob | null {
    if (!first) return null;
    const deaths = (this.#deaths.get(first) ?? 0) + 1;
    this.#deaths.set(first, deaths);
    return deaths < mostDeaths ? null : first;
  }
}
