/** A program that handles the signal may report its end as any failure, within this time. */
const windowMs = 3_000;

/**
 * The stop signals of a pool. A tool that stops a pool may signal the jobs of the pool, too: a job
 * that fails because of it is released, and its attempt is not used.
 */
export class Interruption {
  #at: number | null = null;

  signalled(now: number): void {
    this.#at = now;
  }

  /**
   * Whether an attempt may have failed because of a signal to the pool: its worker, or a program of
   * it, was ended by such a signal (`isByStopSignal`), or it failed soon after the signal.
   */
  explains(
    { isByStopSignal = false }: { isByStopSignal?: boolean | undefined },
    now: number,
  ): boolean {
    return this.#at !== null && (isByStopSignal || now - this.#at <= windowMs);
  }
}
