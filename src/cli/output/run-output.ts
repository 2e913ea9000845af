import * as v from "valibot";

import { parse } from "../../domain/parse.ts";
import type { PendingOutcome } from "../../pool/session/outcome-batch.ts";
import type { WholeOutput } from "../../pool/wire/ends.ts";

const StoredError = v.object({ name: v.string(), message: v.string() });

/** A permanently ended job, as it is shown. */
export interface EndedJob {
  job: string;
  state: "done" | "failed" | "cancelled";
  attempt: number;
  result: unknown;
  error: { name: string; message: string } | null;
  /** The output that the database keeps. */
  stdout: string | null;
  stderr: string | null;
  /** The complete output of a command. */
  whole: WholeOutput | null;
}

/**
 * Shows the jobs of a run one after the other, as they end or, if ordered, in their order. `show`
 * resolves when the reader of the output has kept up, and never rejects.
 */
export class RunOutput {
  readonly #isOrdered: boolean;
  readonly #show: (job: EndedJob) => Promise<void>;
  readonly #early = new Map<number, EndedJob>();
  #next = 0;
  #shown: Promise<void> = Promise.resolve();
  ended = 0;
  failed = 0;

  constructor(isOrdered: boolean, show: (job: EndedJob) => Promise<void>) {
    this.#isOrdered = isOrdered;
    this.#show = show;
  }

  add(end: PendingOutcome): void {
    if (end.state === "retried") {
      end.whole?.stdout[Symbol.dispose]();
      end.whole?.stderr[Symbol.dispose]();
      return;
    }
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
      whole: end.whole ?? null,
    };
    if (!this.#isOrdered) return this.#add(job);
    this.#early.set(end.seq, job);
    for (let at = this.#early.get(this.#next); at; at = this.#early.get(this.#next)) {
      this.#early.delete(this.#next++);
      this.#add(at);
    }
  }

  /** Shows also the jobs after one that has not ended, and resolves when all are shown. */
  async flush(): Promise<void> {
    const rest = [...this.#early].sort(([a], [b]) => a - b);
    this.#early.clear();
    for (const [, job] of rest) this.#add(job);
    await this.#shown;
  }

  #add(job: EndedJob): void {
    this.#shown = this.#shown.then(() => this.#show(job));
  }
}
