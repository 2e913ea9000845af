import type { OutcomeState } from "../domain/attempt.ts";
import { postingsOverLimit, stopPosting } from "../db/engine/control.ts";
import type { RunnablePosting } from "../db/engine/leases.ts";
import type { Links, Session } from "./session/session.ts";
import type { LeasedJob } from "./wire/leased-job.ts";

/**
 * Stops postings whose jobs only fail, or fail too often, before they waste a whole night (rule 7).
 */
export class FailureWatch {
  readonly #links: Links;
  readonly #onStopped: (id: number, reason: string) => void;
  /** By posting: the jobs that have failed since the last success. */
  readonly #inRow = new Map<number, number>();
  /** The postings that are being stopped. */
  readonly #stopping = new Set<number>();

  constructor(links: Links, onStopped: (id: number, reason: string) => void) {
    this.#links = links;
    this.#onStopped = onStopped;
  }

  /** Call it if an attempt was done, or cancelled. */
  passed({ id }: RunnablePosting): void {
    if (this.#inRow.size > 0) this.#inRow.delete(id);
  }

  /** Call it if an attempt has failed. Stops its posting if it may not fail again. */
  async failed(session: Session, job: LeasedJob, state: OutcomeState): Promise<void> {
    const { id, stopAfter, hasFailureLimit } = job.posting;
    const failures = (this.#inRow.get(id) ?? 0) + (isRetry(job) ? 0 : 1);
    this.#inRow.set(id, failures);
    if (this.#stopping.has(id)) return;
    // Not "===": if the database did not answer, the next failure tries again.
    if (stopAfter > 0 && failures >= stopAfter) {
      const reason = `${failures} jobs in a row failed in one pool`;
      this.#stopping.add(id);
      await this.#stop(session, id, reason).finally(() => this.#stopping.delete(id));
    } else if (state === "failed" && hasFailureLimit) {
      await session.recorder.flush(); // to be counted with the failures of other pools
      const [over] = await this.#links.side.ask((db) => postingsOverLimit(db, [id]));
      if (over)
        await this.#stop(session, id, `${over.failed} of ${over.jobCount} jobs have failed`);
    }
  }

  async #stop(session: Session, id: number, reason: string): Promise<void> {
    await session.recorder.flush(); // the reasons should be visible once it has stopped
    const stopped = await this.#links.side.ask((db) => stopPosting(db, id, reason));
    this.#inRow.delete(id); // when it is resumed, it still has the same number of failures
    if (stopped.length > 0) this.#onStopped(id, reason);
  }
}

/**
 * At the end of a posting only the retries of its few bad jobs are left, and all of them fail. Jobs
 * that were retried by hand have used up their attempts, and count like new ones.
 */
const isRetry = ({ attempt, posting }: LeasedJob) => attempt > 1 && attempt <= posting.maxAttempts;
