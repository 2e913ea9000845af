import { draftChild } from "../db/engine/children.ts";
import { errorCode } from "../db/connection/connect.ts";
import { messageOf } from "../domain/errors.ts";
import { retryUntil } from "./link/retry-until.ts";
import type { Links, Session } from "./session/session.ts";
import { isOfRun, type JobRun, type LeasedJob } from "./wire/leased-job.ts";
import type { ChildAnswer, ChildCall } from "./wire/child-call.ts";

/** The drafts of the children of a running attempt. */
interface Drafts {
  job: LeasedJob;
  ids: number[];
}

/** The codes of errors that another attempt would meet again: a wrong option, and the caps (C3). */
const fatalCodes = ["PF002", "PF005"];

const noMore = "the pool does not have this job any more: nothing was posted";

/**
 * Posts on behalf of the jobs of a pool, which has the credentials for that, and keeps the numbers
 * of their drafts until the outcomes of their attempts are recorded (C1).
 */
export class Children {
  readonly #links: Pick<Links, "claims">;
  readonly #session: () => Session | null;
  /** By attempt. */
  #drafts = new Map<string, Drafts>();
  /** The session that these belong to. */
  #of: Session | null = null;

  constructor(links: Pick<Links, "claims">, session: () => Session | null) {
    this.#links = links;
    this.#session = session;
  }

  /**
   * Writes a draft. While the database cannot be reached, this waits. `isRunning` is asked once
   * that is done: the draft of an attempt that has ended is dropped with its lease.
   */
  async post(job: LeasedJob, call: ChildCall, isRunning: () => boolean): Promise<ChildAnswer> {
    const session = this.#session();
    if (session === null) return refused(noMore);
    const { leaseId, posting, seq, attempt } = job;
    const parent = { leaseId, postingId: posting.id, seq, attempt };
    try {
      const id = await retryUntil(
        () => this.#links.claims.ask((db) => draftChild(db, session.poolId, parent, call)),
        () => session === this.#session() && isRunning(),
      );
      if (id === null || session !== this.#session() || !isRunning()) return refused(noMore);
      this.#keep(session, job, id);
      return { id, error: null };
    } catch (error) {
      return refused(messageOf(error), fatalCodes.includes(errorCode(error) ?? ""));
    }
  }

  /** The drafts of attempts that have ended. */
  take(run: JobRun): number[] {
    if (this.#drafts.size === 0) return [];
    const ids: number[] = [];
    for (const [key, drafts] of this.#drafts) {
      if (!isOfRun(run, drafts.job)) continue;
      this.#drafts.delete(key);
      ids.push(...drafts.ids);
    }
    return ids;
  }

  #keep(session: Session, job: LeasedJob, id: number): void {
    if (session !== this.#of) this.#drafts.clear(); // the leases of another session have ended
    this.#of = session;
    const key = [job.leaseId, job.posting.id, job.seq, job.attempt].join(" ");
    const drafts = this.#drafts.get(key) ?? { job, ids: [] };
    drafts.ids.push(id);
    this.#drafts.set(key, drafts);
  }
}

const refused = (message: string, isFatal = false): ChildAnswer => ({
  id: null,
  error: { message, isFatal },
});
