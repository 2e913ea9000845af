import type { LimitedPosting } from "../../db/engine/leases.ts";

const leastSlackMs = 50;
const mostSlackMs = 5_000;

/** What a pool knows of postings that have limits (P5). All times are on the performance clock. */
export class Limits {
  /** Until when postings are to be passed by. */
  readonly #until = new Map<number, number>();
  #slackMs = 2 * leastSlackMs;
  #lateUntil = 0;
  #inTimeBy: number | null = null;

  /** Forgets the postings that are worth a look by now. */
  expire(now: number): void {
    for (const [id, until] of this.#until) if (until <= now) this.#until.delete(id);
  }

  /** The postings not to be looked at yet. */
  get skipped(): number[] {
    return [...this.#until.keys()];
  }

  note(limited: readonly LimitedPosting[], now: number): void {
    for (const { postingId, waitMs } of limited) this.#until.set(postingId, now + waitMs);
  }

  /** Jobs of these have ended. True where one of them was passed by, and is worth a look now. */
  free(postingIds: readonly number[]): boolean {
    return postingIds.map((id) => this.#until.delete(id)).includes(true);
  }

  /** How long until the first of them is worth a look, in ms; null where there is none. */
  nextMs(now: number): number | null {
    if (this.#until.size === 0) return null;
    return Math.max(Math.min(...this.#until.values()) - now, 1);
  }

  /**
   * How long a job of a posting with a rate may take from its claim to its start, in ms. The
   * shorter, the closer to its rate the posting comes; but where they come too late, none starts.
   */
  get slackMs(): number {
    return Math.round(this.#slackMs);
  }

  /** Of jobs that were claimed together, and so start by the same time, one counts. */
  inTime(startBy: number): void {
    if (startBy === this.#inTimeBy) return;
    this.#inTimeBy = startBy;
    this.#slackMs = Math.max(this.#slackMs * 0.9, leastSlackMs);
  }

  /** Of jobs that were claimed together and come too late together, one counts. */
  late(now: number): void {
    if (now < this.#lateUntil) return;
    this.#slackMs = Math.min(this.#slackMs * 2, mostSlackMs);
    this.#lateUntil = now + this.#slackMs;
  }
}
