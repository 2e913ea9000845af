import * as v from "valibot";

import { parse } from "../domain/parse.ts";
import type { EndedAttempt } from "../pool/outcome-batch.ts";

const StoredError = v.object({ name: v.string(), message: v.string() });

/** A job that has ended for good, as it is shown. */
export interface EndedJob {
  job: string;
  state: "done" | "failed" | "cancelled";
  attempt: number;
  result: unknown;
  error: { name: string; message: string } | null;
  stdout: string | null;
  stderr: string | null;
}

/** Shows the jobs of a run as they end or, where they are to be in order, as their turn comes. */
export class RunOutput {
  readonly #isOrdered: boolean;
  readonly #show: (job: EndedJob) => void;
  readonly #held = new Map<number, EndedJob>();
  #next = 0;
  ended = 0;
  failed = 0;

  constructor(isOrdered: boolean, show: (job: EndedJob) => void) {
    this.#isOrdered = isOrdered;
    this.#show = show;
  }

  add(end: EndedAttempt): void {
    if (end.state === "retried") return;
    this.ended++;
    if (end.state === "failed") this.failed++;
    const job = {
      job: `${end.postingId}/${end.seq}`,
      state: end.state,
      attempt: end.attempt,
      result: end.result === null ? null : (JSON.parse(end.result) as unknown),
      error:
        end.error === null ? null : parse(StoredError, JSON.parse(end.error), "error of a job"),
      stdout: end.stdout,
      stderr: end.stderr,
    };
    if (!this.#isOrdered) return this.#show(job);
    this.#held.set(end.seq, job);
    for (let at = this.#held.get(this.#next); at; at = this.#held.get(this.#next)) {
      this.#held.delete(this.#next++);
      this.#show(at);
    }
  }

  /** Shows what waited for a job that has not ended: the run was stopped. */
  flush(): void {
    const rest = [...this.#held].sort(([a], [b]) => a - b);
    this.#held.clear();
    for (const [, job] of rest) this.#show(job);
  }
}
