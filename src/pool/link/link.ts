import { type Db, isConnectionLoss } from "../../db/connection/connect.ts";
import { answered, openDatabase } from "../../db/connection/open.ts";
import { readServerIdentity } from "../../db/connection/server-identity.ts";
import { deferred } from "../../domain/deferred.ts";
import type { Target } from "../../db/settings/target.ts";
import { Bearing } from "./bearing.ts";

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
  /** Shared by links that are to lead to the same server. */
  bearing?: Bearing;
  onNotify?: (channel: string, payload: string) => void;
}

/**
 * One connection to the database that is replaced when it does not answer: a server that is
 * stopped, or a firewall that drops packets, closes nothing, and a client would wait for ever. The
 * new one goes to the next address, if there are several.
 */
export class Link {
  /** Was asked to close: errors that follow from that are of no interest. */
  isClosed = false;
  readonly #target: Target;
  readonly #options: LinkOptions;
  /** Opened by the first statement. */
  #db: Promise<Db> | null = null;
  #opening = new AbortController();
  readonly #bearing: Bearing;
  /** The index of the target's address that it tried last. */
  #address = 0;

  constructor(target: Target, options: LinkOptions) {
    this.#target = target;
    this.#options = options;
    this.#bearing = options.bearing ?? new Bearing();
    this.#bearing.add(this);
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
   * Gives the connection up for dead: its statements are rejected, and the next statement opens a
   * new one.
   */
  reset(): void {
    if (this.#db === null) return;
    this.leave();
    this.#moveOn();
  }

  /** Gives the connection up: the next one is made where the other links have gone. */
  leave(): void {
    this.#opening.abort(new GivenUp());
    this.#db?.then((db) => db.abort()).catch(() => {}); // never opened: the callers got the error
    this.#db = null;
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
      first: this.#bearing.address,
      onTry: (address) => (this.#address = this.#bearing.address = address),
      signal: this.#opening.signal,
      ...(onNotify ? { onNotify } : {}),
    }).then((db) => this.#arrive(db));
    opened.catch(() => {
      if (opened === this.#db) this.#db = null;
    });
    return opened;
  }
  async #arrive(db: Db): Promise<Db> {
    try {
      this.#bearing.arrive(await answered(db, readServerIdentity(db)), this);
      return db;
    } catch (error) {
      void db.abort();
      this.#moveOn();
      throw error;
    }
  }

  /** The next connection is to the next address, unless another link has gone there already. */
  #moveOn(): void {
    if (this.#address === this.#bearing.address) this.#bearing.address++;
  }
}
