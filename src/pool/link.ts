import { type Db, isConnectionLoss } from "../db/connect.ts";
import { openDatabase } from "../db/open.ts";
import { deferred } from "../domain/deferred.ts";
import type { Target } from "../db/settings.ts";

/** A statement was sent and nothing came back: the network or the server is stuck. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  readonly code = "CONNECTION_NO_ANSWER"; // as postgres.js names its own losses
  constructor(deadlineMs: number) {
    super(`the database did not answer within ${deadlineMs} ms`);
  }
}

/** The connection was given up while it was being made. */
class GivenUp extends Error {
  override readonly name = "GivenUp";
  readonly code = "CONNECTION_DESTROYED"; // as postgres.js has it for one that was made
}

export interface LinkOptions {
  /** How long a statement may take before its connection is given up for dead. */
  deadlineMs: number;
  onNotify?: (channel: string, payload: string) => void;
}

/**
 * One connection to the database that is replaced when it does not answer: a server that is
 * stopped, or a firewall that drops packets, closes nothing, and a client would wait for ever. The
 * new one is to the next address, where there are several.
 */
export class Link {
  /** Was asked to close: what fails by that is of no interest any more. */
  isClosed = false;
  readonly #target: Target;
  readonly #options: LinkOptions;
  /** Opened by the first statement. */
  #db: Promise<Db> | null = null;
  #opening = new AbortController();
  /** Which of the target's addresses was tried last. */
  #place = 0;

  constructor(target: Target, options: LinkOptions) {
    this.#target = target;
    this.#options = options;
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
    const opened = (this.#db ??= this.#open());
    const late = deferred<never>();
    const timer = setTimeout(() => late.reject(new NoAnswer(deadlineMs)), deadlineMs);
    try {
      return await Promise.race([opened.then(statement), late.promise]);
    } catch (error) {
      // Also after an error of its own: postgres.js 3.4.9 may never use such a connection again
      // (porsager/postgres#1176).
      if (isConnectionLoss(error) && opened === this.#db) this.reset();
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
    if (this.#db === null) return;
    this.#opening.abort(new GivenUp());
    this.#db.then((db) => db.abort()).catch(() => {}); // never opened: whoever asked was told
    this.#db = null;
    this.#place++;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.#opening.abort(new GivenUp());
    const db = await this.#db?.catch(() => null); // as in reset
    await db?.close();
  }

  #open(): Promise<Db> {
    const { onNotify } = this.#options;
    this.#opening = new AbortController();
    const opened = openDatabase(this.#target, {
      connections: 1,
      first: this.#place,
      onTry: (place) => (this.#place = place),
      signal: this.#opening.signal,
      ...(onNotify ? { onNotify } : {}),
    });
    opened.catch(() => {
      if (opened === this.#db) this.#db = null;
    });
    return opened;
  }
}
