/** The conditions under which a pool ends by itself. Times are on the performance clock. */
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

  /** The pool has claimed jobs. They may have ended before `over` is called. */
  busy(now: number): void {
    this.#idleSince = now;
  }

  leftMs(now: number): number {
    return this.#endsAt - now;
  }

  /** The reason why the pool ends now; null if it continues. Call it about every second. */
  over(now: number, isIdle: boolean): string | null {
    if (!isIdle) this.#idleSince = now;
    if (now >= this.#endsAt) return "its lifetime is over";
    return now - this.#idleSince >= this.#idleTimeoutMs ? "it had nothing to do" : null;
  }
}
