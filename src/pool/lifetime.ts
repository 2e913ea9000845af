/** When a pool is to end by itself. Times are of the performance clock. */
export class Lifetime {
  readonly #endsAt: number;
  readonly #idleTimeoutMs: number;
  #idleSince: number;

  constructor(
    now: number,
    { lifetimeMs, idleTimeoutMs }: { lifetimeMs: number | null; idleTimeoutMs: number | null },
  ) {
    this.#endsAt = now + (lifetimeMs ?? Infinity);
    this.#idleTimeoutMs = idleTimeoutMs ?? Infinity;
    this.#idleSince = now;
  }

  /** It has got something to do: a job may have ended before anyone asks. */
  busy(now: number): void {
    this.#idleSince = now;
  }

  leftMs(now: number): number {
    return this.#endsAt - now;
  }

  /** Why it is to end now; null where it goes on. To be asked every second or so. */
  over(now: number, isIdle: boolean): string | null {
    if (!isIdle) this.#idleSince = now;
    if (now >= this.#endsAt) return "its lifetime is over";
    return now - this.#idleSince >= this.#idleTimeoutMs ? "it had nothing to do" : null;
  }
}
