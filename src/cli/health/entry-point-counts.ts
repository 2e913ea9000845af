import type { Metric } from "../../domain/metric-text.ts";
import type { PendingRun } from "../../pool/session/outcome-batch.ts";

type EndedRun = Pick<PendingRun, "entryPoint" | "state" | "durationsMs">;

interface EntryPointTotals {
  /** Ended attempts by state. */
  states: Map<string, number>;
  seconds: number;
}

/** Further entry points are counted together, under this label. */
const other = "other";

/**
 * Counts the attempts of a pool by entry point: each of the first `most` that it sees by itself, so
 * that the number of time series is bounded, and the others together.
 */
export class EntryPointCounts {
  readonly #most: number;
  readonly #counts = new Map<string, EntryPointTotals>();

  constructor(most: number) {
    this.#most = most;
  }

  /** For the option of the pool: costs an addition for each job. */
  readonly onEndedRun = ({ entryPoint, state, durationsMs }: EndedRun): void => {
    const counts = this.#of(entryPoint);
    counts.states.set(state, (counts.states.get(state) ?? 0) + durationsMs.length);
    let ms = 0;
    for (const each of durationsMs) ms += each;
    counts.seconds += ms / 1_000;
  };

  #of(entryPoint: string): EntryPointTotals {
    const isKnown = this.#counts.has(entryPoint) || this.#counts.size < this.#most;
    const label = isKnown ? entryPoint : other;
    let counts = this.#counts.get(label);
    if (!counts) this.#counts.set(label, (counts = { states: new Map(), seconds: 0 }));
    return counts;
  }

  get metrics(): Metric[] {
    const all = [...this.#counts];
    return [
      {
        name: "pdoflow_pool_entry_point_attempts_total",
        help: "Ended attempts, by entry point and result.",
        type: "counter",
        samples: all.flatMap(([label, { states }]) =>
          [...states].map(([state, value]) => ({ labels: { entry_point: label, state }, value })),
        ),
      },
      {
        name: "pdoflow_pool_entry_point_attempt_seconds_total",
        help: "Durations of ended attempts, added up, by entry point.",
        type: "counter",
        samples: all.map(([label, { seconds }]) => ({
          ...{ labels: { entry_point: label }, value: seconds },
        })),
      },
    ];
  }
}
