import { type Db, errorCode, isConnectionLoss } from "../../db/connection/connect.ts";
import { answered, openDatabase } from "../../db/connection/open.ts";
import { readServerIdentity } from "../../db/connection/server-identity.ts";
import { deferred } from "../../domain/node-20.ts";
import type { Target } from "../../db/settings/target.ts";
import { AdaptiveTimeout } from "./adaptive-timeout.ts";
import { Bearing } from "./bearing.ts";

/** A statement was sent and not answered: the network or the server hangs. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  readonly code = "CONNECTION_NO_ANSWER"; // the name that postgres.js gives its own losses
  constructor(deadlineMs: number) {
    super(`the database did not answer within ${deadlineMs} ms`);
  }
}

/** The connection was abandoned while it was being made. */
class GivenUp extends Error {
  override readonly name = "GivenUp";
  readonly code = "CONNECTION_DESTROYED"; // the code of postgres.js for an established connection
  constructor() {
    super("the connection was given up before it was made");
  }
}

/** How much longer than usual a connection waits for a slow server, at most. */
const longest = 4;

export interface LinkOptions {
  /** How long a statement may take before its connection is considered dead. */
  deadlineMs: number;
  /** Whether to wait longer after losses, and for the first answers. Default false. */
  isPatient?: boolean;
  /** Shared by links that must lead to the same server. */
  bearing?: Bearing;
  onNotify?: (channel: string, payload: string) => void;
}

/**
 * One connection to the database that is replaced when it does not answer. A stopped server, or a
 * firewall that drops packets, closes nothing, and a client would wait forever. The new connection
 * is to the next address, if there are several.
 */
export class Link {
  /** It was asked to close: errors that follow from that do not matter. */
  isClosed = false;
  /** Whether its connection is established, as far as is known. */
  isConnected = false;
  /** How many connections it has given up since the start. */
  losses = 0;
  readonly #target: Target;
  readonly #options: LinkOptions;
  /** Opened by the first statement. */
  #db: Promise<Db> | null = null;
  #opening = new AbortController();
  readonly #bearing: Bearing;
  readonly #timeout: AdaptiveTimeout;
  /** The index of the target's address that it tried last. */
  #address = 0;

  constructor(target: Target, options: LinkOptions) {
    this.#target = target;
    this.#options = options;
    this.#timeout = new AdaptiveTimeout(options.deadlineMs, options.isPatient ? longest : 1);
    this.#bearing = options.bearing ?? new Bearing();
    this.#bearing.add(this);
  }

  get target(): Target {
    return this.#target;
  }

  /** How long a statement may take now before its connection is considered dead. */
  get deadlineMs(): number {
    return this.#timeout.ms;
  }

  /**
   * @throws {NoAnswer} and the errors of the statement. The statement may have been executed all
   * the same.
   */
  async ask<T>(statement: (db: Db) => PromiseLike<T>, deadlineMs = this.deadlineMs): Promise<T> {
    const askedAt = performance.now();
    const opened = (this.#db ??= this.#open());
    const late = deferred<never>();
    const timer = setTimeout(() => late.reject(new NoAnswer(deadlineMs)), deadlineMs);
    try {
      const answer = await Promise.race([opened.then(statement), late.promise]);
      this.#timeout.answered(performance.now() - askedAt);
      return answer;
    } catch (error) {
      // Also after one of its own errors: postgres.js 3.4.9 may never use such a connection again
      // (porsager/postgres#1176).
      if (isConnectionLoss(error) && opened === this.#db) this.#lost(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Checks which server the connection leads to. Behind a pooler it stays open when the pooler
   * moves to another server; any other connection is checked when it is made.
   */
  async checkServer(): Promise<void> {
    await this.ask(async (db) => {
      if (db.isPooled) this.#bearing.arrive(await readServerIdentity(db), this);
    });
  }

  /** From now on a statement waits no longer than usual for a slow server. */
  endPatience(): void {
    this.#timeout.end();
  }

  /** Treats the connection as dead: rejects its statements; the next statement opens a new one. */
  reset(): void {
    if (this.#db === null) return;
    if (this.isConnected) this.losses++;
    this.leave();
    this.#moveOn();
  }

  /**
   * Another connection of the pool is not answered. If this one is not either, its statements would
   * wait for their whole deadline: treats it as dead unless it answers within `ms`.
   */
  async doubt(ms: number): Promise<void> {
    if (this.#db === null) return;
    await this.ask((db) => db.sql`select`, ms).catch((error: unknown) => {
      if (!isConnectionLoss(error)) throw error; // the next statement opens another one
    });
  }

  /** Abandons the connection: the next one goes to the server of the other links. */
  leave(): void {
    this.isConnected = false;
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

  #lost(error: unknown): void {
    const isLate = error instanceof NoAnswer || errorCode(error) === "CONNECT_TIMEOUT";
    if (isLate) this.#timeout.lost();
    this.reset();
  }

  #open(): Promise<Db> {
    const { onNotify } = this.#options;
    this.#opening = new AbortController();
    const opened = openDatabase(this.#target, {
      connections: 1,
      first: this.#bearing.address,
      onTry: (address) => (this.#address = this.#bearing.address = address),
      signal: this.#opening.signal,
      patience: this.#timeout.times,
      ...(onNotify ? { onNotify } : {}),
    }).then((db) => this.#arrive(db));
    opened.then(
      () => (this.isConnected ||= opened === this.#db),
      () => {
        if (opened === this.#db) this.#db = null;
      },
    );
    return opened;
  }

  async #arrive(db: Db): Promise<Db> {
    try {
      this.#bearing.arrive(await answered(db, readServerIdentity(db), this.#timeout.times), this);
      return db;
    } catch (error) {
      void db.abort();
      this.#moveOn();
      throw error;
    }
  }

  /** The next connection is to the next address, unless another link is there already. */
  #moveOn(): void {
    if (this.#address === this.#bearing.address) this.#bearing.address++;
  }
}
