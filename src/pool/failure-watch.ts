import type { OutcomeState } from "../domain/attempt.ts";
import { hasDoneJobs, postingsOverLimit, stopPosting } from "../db/engine/control.ts";
import type { RunnablePosting } from "../db/engine/leases.ts";
import type { Links, Session } from "./session/session.ts";
import type { LeasedJob } from "./wire/leased-job.ts";

/**
 * Stops postings whose jobs only fail, or fail too often, before they waste a whole night (rule 7).
 */
export class FailureWatch {
  readonly #links: Links;
  readonly #onStopped: (id: number, reason: string) => void;
  /** By posting: the jobs that have failed in this pool; -Infinity once one is done anywhere. */
  readonly #failures = new Map<number, number>();
  /** The postings that are being checked or stopped. */
  readonly #stopping = new Set<number>();

  constructor(links: Links, onStopped: (id: number, reason: string) => void) {
    this.#links = links;
    this.#onStopped = onStopped;
  }

  /** Postings may have other numbers by now. */
  forget(): void {
    this.#failures.clear();
  }

  /** Call it if an attempt was done, or cancelled. */
  passed({ id }: RunnablePosting, isDone: boolean): void {
    if (isDone && this.#failures.has(id)) this.#failures.set(id, -Infinity);
  }

  /** Call it if an attempt has failed. Stops its posting if it may not fail again. */
  async failed(session: Session, job: LeasedJob, state: OutcomeState): Promise<void> {
    const { id, stopAfter, hasFailureLimit } = job.posting;
    const failures = (this.#failures.get(id) ?? 0) + (isRetry(job) ? 0 : 1);
    this.#failures.set(id, failures);
    if (this.#stopping.has(id)) return;
    // Not "===": if the database did not answer, the next failure tries again.
    if (stopAfter > 0 && failures >= stopAfter) {
      this.#stopping.add(id);
      session.claimer.paused.add(id); // else quick jobs would go on failing until it has stopped
      await this.#stopFailing(session, id, stopAfter).finally(() => {
        this.#stopping.delete(id);
        session.claimer.paused.delete(id);
      });
    } else if (state === "failed" && hasFailureLimit) {
      await session.recorder.flush(); // to be counted with the failures of other pools
      const [over] = await this.#links.side.ask((db) => postingsOverLimit(db, [id]));
      if (over) {
        const { failed, jobCount, limit } = over;
        const count = `${failed} of ${jobCount} jobs have failed`;
        await this.#stop(session, id, `${count}, the limit of --max-failures ${limit}`);
      }
    }
  }

  /** Stops it, unless one of its jobs was done by any pool. */
  async #stopFailing(session: Session, id: number, stopAfter: number): Promise<void> {
    await session.recorder.flush();
    if (await this.#links.side.ask((db) => hasDoneJobs(db, id))) {
      this.#failures.set(id, -Infinity);
      return;
    }
    const count = this.#failures.get(id) ?? stopAfter;
    const jobs = count === 1 ? "1 job has" : `${count} jobs have`;
    const reason = `${jobs} failed and none is done, the limit of --stop-after ${stopAfter}`;
    await this.#stop(session, id, reason);
  }

  async #stop(session: Session, id: number, reason: string): Promise<void> {
    await session.recorder.flush(); // the reasons should be visible once it has stopped
    const stopped = await this.#links.side.ask((db) => stopPosting(db, id, reason));
    this.#failures.delete(id); // when it is resumed, it may fail as often again
    if (stopped.length > 0) this.#onStopped(id, reason);
  }
}

/**
 * At the end of a posting only the retries of its few bad jobs are left, and all of them fail. Jobs
 * that were retried by hand have used up their attempts, and count like new ones.
 */
const isRetry = ({ attempt, posting }: LeasedJob) => attempt > 1 && attempt <= posting.maxAttempts;
