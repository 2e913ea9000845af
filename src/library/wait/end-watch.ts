import { DatabaseUnavailable, type Db } from "../../db/connection/connect.ts";
import { readEdges } from "../../db/read/edges.ts";
import { watchPostings } from "../../db/read/posting-watch.ts";
import { type PostingCounts, readPostingCounts } from "../../db/read/status.ts";
import type { PostingToken } from "../../db/read/tokens.ts";
import { PostingLost } from "../../domain/errors.ts";
import { Bell } from "../../domain/bell.ts";
import { wasClosed } from "./connection-closed.ts";
import { PostingBlocked, postingNotFound, PostingStopped } from "./wait-errors.ts";

interface Waiter {
  /** Of the posting as it was posted (P20). */
  token: number;
  resolve: (counts: PostingCounts) => void;
  reject: (error: unknown) => void;
  /** Called with the counts after each check that finds the posting unfinished. */
  see: ((counts: PostingCounts) => void) | undefined;
}

interface ConnectionUser {
  use<T>(work: (open: { reading: Db }) => Promise<T>): Promise<T>;
}

/** Waits for the ends of postings: one loop serves all callers in this process. */
export class EndWatch {
  readonly #opener: ConnectionUser;
  readonly #waiters = new Map<number, Set<Waiter>>();
  /** Postings to check now, without waiting for the next poll. */
  readonly #due = new Set<number>();
  readonly #bell = new Bell();
  #isRunning = false;

  constructor(opener: ConnectionUser) {
    this.#opener = opener;
  }

  /** Resolves once the posting has ended. Rejects with the signal's reason when it is aborted. */
  async wait(
    { id: postingId, token }: PostingToken,
    signal: AbortSignal,
    see?: (counts: PostingCounts) => void,
  ): Promise<PostingCounts> {
    signal.throwIfAborted();
    return await new Promise((resolve, reject) => {
      const give = () => {
        this.#remove(postingId, waiter);
        this.#bell.ring(); // the loop ends if this was the last waiter
        reject(signal.reason);
      };
      const waiter: Waiter = {
        token,
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
      this.#due.add(postingId);
      this.#bell.ring();
      void this.#run();
    });
  }

  #remove(postingId: number, waiter: Waiter): void {
    const waiters = this.#waiters.get(postingId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(postingId);
  }

  /** Runs while there are waiters. Never rejects: errors go to the waiters. */
  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#waiters.size > 0) {
        await watchPostings({
          check: async (db, isPoll) => {
            await this.#check(db, isPoll);
            return this.#waiters.size === 0 ? true : undefined;
          },
          concerns: (postingId) => this.#concerns(postingId),
          bell: this.#bell,
          withDatabase: (work) => this.#opener.use(({ reading }) => work(reading)),
          isFinal: (error) => wasClosed(error instanceof DatabaseUnavailable ? error.cause : error),
        });
      }
    } catch (error) {
      for (const id of this.#waiters.keys()) this.#settle(id, (waiter) => waiter.reject(error));
    } finally {
      this.#isRunning = false;
    }
  }

  #concerns(postingId: number | null): boolean {
    const ids = postingId === null ? this.#waiters.keys() : [postingId];
    for (const id of ids) if (this.#waiters.has(id)) this.#due.add(id);
    return this.#due.size > 0;
  }

  async #check(db: Db, isPoll: boolean): Promise<void> {
    const ids = [...(isPoll ? this.#waiters.keys() : this.#due)];
    this.#due.clear();
    if (ids.length === 0) return;
    const found = new Map((await readPostingCounts(db, ids)).map((counts) => [counts.id, counts]));
    for (const id of ids) {
      const counts = found.get(id);
      if (counts !== undefined) this.#rejectLost(counts);
      if (counts === undefined) this.#settle(id, (w) => w.reject(postingNotFound(id)));
      else if (counts.isEnded) this.#settle(id, (w) => w.resolve(counts));
      else if (counts.state === "errored_out") {
        const left = counts.waiting + counts.running + counts.retrying;
        this.#settle(id, (w) => w.reject(new PostingStopped(id, left, counts.reason)));
      } else if (counts.isBlocked) {
        const edges = (await readEdges(db, [id])).get(id) ?? [];
        this.#settle(id, (w) => w.reject(new PostingBlocked(id, edges)));
      } else for (const waiter of this.#waiters.get(id) ?? []) waiter.see?.(counts);
    }
  }

  /** Rejects the waiters for a posting that had this number before. */
  #rejectLost({ id, token }: PostingToken): void {
    for (const waiter of [...(this.#waiters.get(id) ?? [])]) {
      if (waiter.token === token) continue;
      this.#remove(id, waiter);
      waiter.reject(new PostingLost(id, "another one"));
    }
  }

  #settle(postingId: number, settle: (waiter: Waiter) => void): void {
    const waiters = this.#waiters.get(postingId) ?? [];
    this.#waiters.delete(postingId);
    for (const waiter of waiters) settle(waiter);
  }
}
