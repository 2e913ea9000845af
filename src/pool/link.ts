import { connect, type Db, isConnectionLoss } from "../db/connect.ts";
import type { Target } from "../db/settings.ts";

/** A statement was sent and nothing came back: the network or the server is stuck. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  readonly code = "CONNECTION_NO_ANSWER"; // as postgres.js names its own losses
  constructor(deadlineMs: number) {
    super(`the database did not answer within ${deadlineMs} ms`);
  }
}

export interface LinkOptions {
  /** How long a statement may take before its connection is given up for dead. */
  deadlineMs: number;
  onNotify?: (channel: string, payload: string) => void;
}

/**
 * One connection to the database that is replaced when it does not answer: a server that is
 * stopped, or a firewall that drops packets, closes nothing, and a client would wait for ever.
 */
export class Link {
  readonly #target: Target;
  readonly #options: LinkOptions;
  #db: Db;

  constructor(target: Target, options: LinkOptions) {
    this.#target = target;
    this.#options = options;
    this.#db = this.#open();
  }

  get target(): Target {
    return this.#target;
  }

  /**
   * @throws {NoAnswer} and whatever the statement throws. It may have been carried out all the
   * same.
   */
  async ask<T>(statement: (db: Db) => PromiseLike<T>): Promise<T> {
    const { deadlineMs } = this.#options;
    const db = this.#db;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new NoAnswer(deadlineMs)), deadlineMs);
    try {
      return await Promise.race([statement(db), late.promise]);
    } catch (error) {
      // Also after an error of its own: postgres.js 3.4.9 may never use such a connection again
      // (porsager/postgres#1176).
      if (isConnectionLoss(error) && db === this.#db) this.reset();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Gives the connection up for dead: what was asked on it is rejected, what is asked next gets a
   * new one.
   */
  reset(): void {
    void this.#db.abort();
    this.#db = this.#open();
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  #open(): Db {
    const { onNotify } = this.#options;
    return connect(this.#target, { connections: 1, ...(onNotify ? { onNotify } : {}) });
  }
}
