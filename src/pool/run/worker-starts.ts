import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** A pool that ends by itself has no worker, and cannot start one. */
export class NoWorkers extends PdoflowError {
  override readonly name = "NoWorkers";
  readonly exitCode = exitCodes.system;
  constructor(wanted: number, { reason }: StartFailure) {
    super(
      `expected up to ${wanted} workers, but the system could not start one: ${reason}. ` +
        "Check the temp folder (TMPDIR), the free disk space, and the limits of files and " +
        "processes (ulimit -n, ulimit -u).",
    );
  }
}

/** The log line for a worker that could not be started. */
export const startFailed = ({ reason, pauseMs }: StartFailure) =>
  `a worker could not be started: ${reason}; trying again in ${pauseMs / 1000} s`;

const firstPauseMs = 250;
const longestPauseMs = 30_000;
/** After N rounds in which no worker could be started, another one is not expected to help. */
const roundsBeforeHopeless = 5;

export interface StartFailure {
  reason: string;
  /** The delay before the next try. */
  pauseMs: number;
  /** Whether to log this failure: in a long series, not every one. */
  isNews: boolean;
  /** No worker runs, and none could be started for a while. */
  isHopeless: boolean;
}

export interface WorkerStartsListener {
  /** Starts missing workers, until one cannot be started. */
  start(): void;
  hasReady(): boolean;
  onFailed(failure: StartFailure): void;
}

/** When to try again to start workers: soon, and then less and less often. */
export class WorkerStarts {
  readonly #listener: WorkerStartsListener;
  /** Rounds that have failed since a worker was ready. */
  #rounds = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(listener: WorkerStartsListener) {
    this.#listener = listener;
  }

  /** A worker is ready for jobs. */
  ready(): void {
    this.#rounds = 0;
  }

  /** A worker could not be started, or has ended before it was ready. */
  failed(reason: string): void {
    if (this.#timer !== undefined || this.#isStopped) return; // one of several, reported already
    const pauseMs = Math.min(firstPauseMs * 2 ** this.#rounds, longestPauseMs);
    this.#rounds++;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#listener.start();
    }, pauseMs);
    this.#listener.onFailed({
      reason,
      pauseMs,
      isNews: pauseMs < longestPauseMs || this.#rounds % 20 === 0,
      isHopeless: this.#rounds >= roundsBeforeHopeless && !this.#listener.hasReady(),
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }
}
