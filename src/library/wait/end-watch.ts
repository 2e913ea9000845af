import { DatabaseUnavailable, type Db, isConnectionLoss } from "../../db/connection/connect.ts";
import { listenForEnds } from "../../db/engine/endings.ts";
import { requireWrites } from "../../db/connection/open.ts";
import { type PostingCounts, readPostingCounts } from "../../db/read/status.ts";
import { wasClosed } from "./connection-closed.ts";
import { PostingNotFound, PostingStopped } from "./wait-errors.ts";

const pollMs = 1_000;
/** A restart of the server is waited out; one that stays away so long is told. */
const outageMs = 300_000;

interface Waiter {
  resolve: (counts: PostingCounts) => void;
  reject: (error: unknown) => void;
  /** PoolReport where the posting stands, each time that it was looked at and has not ended. */
  see: ((counts: PostingCounts) => void) | undefined;
}

interface Opener {
  use<T>(work: (open: { reading: Db }) => Promise<T>): Promise<T>;
}

/**
 * Waits for the ends of postings: with one LISTEN, and one poll a second, for all of them that
 * this process waits for. The poll is the truth, a notification only makes it come sooner.
 */
export class EndWatch {
  readonly #opener: Opener;
  readonly #waiters = new Map<number, Set<Waiter>>();
  /** Postings to look at now, without waiting for the next poll. */
  readonly #due = new Set<number>();
  #isRunning = false;
  /** When the database last answered. */
  #reachedAt = -Infinity;
  #wake = () => {};

  constructor(opener: Opener) {
    this.#opener = opener;
  }

  /** Resolves once the posting has ended. Rejects with the signal's reason when it is aborted. */
  async wait(
    postingId: number,
    signal: AbortSignal,
    see?: (counts: PostingCounts) => void,
  ): Promise<PostingCounts> {
    signal.throwIfAborted();
    return await new Promise((resolve, reject) => {
      const give = () => {
        this.#remove(postingId, waiter);
        this.#wake(); // to end, if it was the last
        reject(signal.reason);
      };
      const waiter: Waiter = {
        see,
        resolve: (counts) => {
          signal.removeEventListener("abort", give);
          resolve(counts);
        },
        reject: (error) => {
          signal.removeEventListener("abort", give);
          reject(error);
        },
      };
      signal.addEventListener("abort", give, { once: true });
      this.#waiters.set(postingId, (this.#waiters.get(postingId) ?? new Set()).add(waiter));
      this.#lookAt([postingId]);
      void this.#run();
    });
  }

  #remove(postingId: number, waiter: Waiter): void {
    const waiters = this.#waiters.get(postingId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(postingId);
  }

  #lookAt(postingIds: Iterable<number>): void {
    for (const id of postingIds) if (this.#waiters.has(id)) this.#due.add(id);
    this.#wake();
  }

  /** Lives as long as somebody waits. Never rejects: whoever waits is told. */
  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#waiters.size > 0) {
        try {
          await this.#opener.use(({ reading }) => this.#watch(reading));
        } catch (error) {
          if (!this.#mayComeBack(error)) throw error;
          await this.#pause(pollMs);
        }
      }
    } catch (error) {
      for (const id of this.#waiters.keys()) this.#settle(id, (w) => w.reject(error));
    } finally {
      this.#isRunning = false;
      this.#reachedAt = -Infinity;
    }
  }

  async #watch(db: Db): Promise<void> {
    let unlisten: (() => Promise<void>) | null = null;
    let pollAt = 0;
    while (this.#waiters.size > 0) {
      const isPoll = performance.now() >= pollAt;
      if (isPoll) await requireWrites(db);
      await this.#look(db, isPoll);
      this.#reachedAt = performance.now();
      // After the first look: for what has ended already there is no need to listen.
      if (this.#waiters.size > 0) unlisten ??= await this.#listen(db);
      if (performance.now() >= pollAt) pollAt = performance.now() + pollMs;
      if (this.#due.size === 0) await this.#pause(pollAt - performance.now());
    }
    // Nobody waits: whether this reaches the server matters to no one.
    await unlisten?.().catch(() => {});
  }

  /** Whether the database was there a while ago, and was lost. */
  #mayComeBack(error: unknown): boolean {
    const cause = error instanceof DatabaseUnavailable ? error.cause : error;
    const isOver = performance.now() - this.#reachedAt > outageMs;
    return !isOver && isConnectionLoss(cause) && !wasClosed(cause);
  }

  async #look(db: Db, isPoll: boolean): Promise<void> {
    const ids = [...(isPoll ? this.#waiters.keys() : this.#due)];
    this.#due.clear();
    if (ids.length === 0) return;
    const found = new Map((await readPostingCounts(db, ids)).map((counts) => [counts.id, counts]));
    for (const id of ids) {
      const counts = found.get(id);
      if (counts === undefined) this.#settle(id, (w) => w.reject(new PostingNotFound(id)));
      else if (counts.isEnded) this.#settle(id, (w) => w.resolve(counts));
      else if (counts.state === "errored_out") {
        const left = counts.waiting + counts.running + counts.retrying;
        this.#settle(id, (w) => w.reject(new PostingStopped(id, left, counts.reason)));
      } else for (const waiter of this.#waiters.get(id) ?? []) waiter.see?.(counts);
    }
  }

  #settle(postingId: number, tell: (waiter: Waiter) => void): void {
    const waiters = this.#waiters.get(postingId) ?? [];
    this.#waiters.delete(postingId);
    for (const waiter of waiters) tell(waiter);
  }

  async #listen(db: Db): Promise<() => Promise<void>> {
    return await listenForEnds(
      db,
      (id) => this.#lookAt([id]),
      () => this.#lookAt(this.#waiters.keys()),
    );
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(ms, 0));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
