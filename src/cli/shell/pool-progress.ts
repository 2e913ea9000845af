import { paceOf, type Sample, withSample } from "../../../tui/draw/pace.ts";
import { rateText } from "./job-progress.ts";
import { Progress, type ProgressOwner } from "./progress.ts";

/** The pool whose progress is shown. */
export interface WatchedPool {
  readonly activity: { busy: number; done: number; failed: number; retried: number };
  /** The number of unfinished jobs that it can run; null while that can't be known. */
  countLeft(): Promise<number | null>;
}

const showEveryMs = 250;
const countEveryMs = 2_000;

/** The progress of a pool as a line, from `watch` until it is disposed. */
export class PoolProgress implements Disposable {
  readonly #progress: Progress;
  readonly #isShown: boolean;
  #samples: Sample[] = [];
  /** The unfinished jobs when they were counted, and the jobs that the pool had ended by then. */
  #counted: { left: number; ended: number } | null = null;
  #countedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(command: ProgressOwner, isWanted: boolean) {
    this.#progress = new Progress(command, "pool", isWanted);
    this.#isShown = isWanted || command.context.isTerminal.stderr;
  }

  watch(pool: WatchedPool, workers: number): void {
    if (!this.#isShown) return;
    this.#timer = setInterval(() => this.#show(pool, workers), showEveryMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#progress.end();
  }

  #show(pool: WatchedPool, workers: number): void {
    const now = performance.now();
    const { busy, done, failed, retried } = pool.activity;
    if (now - this.#countedAt >= countEveryMs) {
      this.#countedAt = now;
      const ended = done + failed;
      void pool
        .countLeft()
        .then((left) => (this.#counted = left === null ? null : { left, ended }));
    }
    const ended = done + failed + retried;
    this.#samples = withSample(this.#samples, { atMs: now, ended });
    const pace = paceOf(this.#samples, ended);
    const counted = this.#counted;
    const left = counted && Math.max(0, counted.left - (done + failed - counted.ended));
    const parts = [
      `${busy} of ${workers} ${workers === 1 ? "worker" : "workers"} busy`,
      ...(pace === null ? [] : [rateText(pace.perSecond)]),
      `${done.toLocaleString("en")} done`,
      `${failed.toLocaleString("en")} failed`,
      ...(retried > 0 ? [`${retried.toLocaleString("en")} retried`] : []),
      ...(left === null ? [] : [`${left.toLocaleString("en")} left`]),
    ];
    this.#progress.show(parts.join(", "));
  }
}
