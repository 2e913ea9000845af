import type { LimitedPosting } from "../../db/engine/leases.ts";

const slackMinMs = 50;
const slackMaxMs = 5_000;

/** Postings that are at a limit (P5), for one pool. All times are on the performance clock. */
export class Limits {
  /** By posting, until when it is skipped. */
  readonly #until = new Map<number, number>();
  #slackMs = 2 * slackMinMs;
  #lateUntil = 0;
  #inTimeBy: number | null = null;

  /** Forgets the postings that need not be skipped any more. */
  expire(now: number): void {
    for (const [id, until] of this.#until) if (until <= now) this.#until.delete(id);
  }

  /** The postings to skip. */
  get skipped(): number[] {
    return [...this.#until.keys()];
  }

  note(limited: readonly LimitedPosting[], now: number): void {
    for (const { postingId, waitMs } of limited) this.#until.set(postingId, now + waitMs);
  }

  /**
   * Jobs of these postings have ended. Returns whether one of the postings was skipped until now.
   */
  free(postingIds: readonly number[]): boolean {
    return postingIds.map((id) => this.#until.delete(id)).includes(true);
  }

  /** The time until a skipped posting may be claimed from, in ms; null if none is skipped. */
  nextMs(now: number): number | null {
    if (this.#until.size === 0) return null;
    return Math.max(Math.min(...this.#until.values()) - now, 1);
  }

  /**
   * How long a job of a posting with a rate may take from its claim to its start, in ms. With a
   * shorter time the posting comes closer to its rate, but jobs that are late do not start.
   */
  get slackMs(): number {
    return Math.round(this.#slackMs);
  }

  /** Of jobs that were claimed together, and so must start by the same time, one counts. */
  inTime(startBy: number): void {
    if (startBy === this.#inTimeBy) return;
    this.#inTimeBy = startBy;
    this.#slackMs = Math.max(this.#slackMs * 0.9, slackMinMs);
  }

  /** Of jobs that were claimed together and are late together, one counts. */
  late(now: number): void {
    if (now < this.#lateUntil) return;
    this.#slackMs = Math.min(this.#slackMs * 2, slackMaxMs);
    this.#lateUntil = now + this.#slackMs;
  }
}
