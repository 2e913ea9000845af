import { connect, type Db } from "../../src/db/connection/connect.ts";
import type { Target } from "../../src/db/settings/target.ts";
import { Link } from "../../src/pool/link/link.ts";
import type { Links, LinksListener } from "../../src/pool/session/session.ts";

/** What pools asked for: a function of the queue, and how long they waited for its answer. */
export type OnAnswer = (name: string, ms: number) => void;

/**
 * A few connections that many pools share, in the order in which they ask, as a pooler shares them.
 * The pools are notified all the same, by a connection that listens for all of them.
 */
export class SharedConnections implements AsyncDisposable {
  readonly #target: Target;
  readonly #all: Db[] = [];
  readonly #free: Db[] = [];
  readonly #waiting: ((db: Db) => void)[] = [];
  readonly #listeners = new Set<LinksListener["onNotify"]>();
  readonly #onAnswer: OnAnswer;
  #listening: Db | null = null;
  /** By connection: the functions that the pool which has it has called. */
  readonly #called = new Map<Db, string>();

  constructor(target: Target, count: number, onAnswer: OnAnswer) {
    this.#target = target;
    this.#onAnswer = onAnswer;
    for (let i = 0; i < count; i++) {
      const db: Db = connect(
        { ...target, onStatement: (text) => this.#note(db, text) },
        { connections: 1 },
      );
      this.#all.push(db);
      this.#free.push(db);
    }
  }

  /** Notifies the pools from now on. */
  async listen(): Promise<void> {
    const onNotify = (channel: string, payload: string) => {
      for (const each of this.#listeners) each(channel, payload);
    };
    this.#listening = connect(this.#target, { connections: 1, onNotify });
    await this.#listening.sql`select pdoflow.listen()`;
  }

  /** Opens the links of a pool, as `openLinks`. */
  readonly open = (_target: Target, _timeoutMs: number, { onNotify }: LinksListener): Links => {
    this.#listeners.add(onNotify);
    const link = () => new SharedLink(this.#target, this);
    return { claims: link(), work: link(), side: link() };
  };

  /** Runs statements on the next connection that is free. */
  async use<T>(statement: (db: Db) => PromiseLike<T>): Promise<T> {
    const askedAt = performance.now();
    const db = this.#free.pop() ?? (await new Promise<Db>((take) => this.#waiting.push(take)));
    try {
      return await statement(db);
    } finally {
      const name = this.#called.get(db);
      this.#called.delete(db);
      if (name !== undefined) this.#onAnswer(name, performance.now() - askedAt);
      const next = this.#waiting.shift();
      if (next) next(db);
      else this.#free.push(db);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((db) => db.close()));
    await this.#listening?.close();
  }

  #note(db: Db, text: string): void {
    const name = /"?pdoflow"?\.(\w+)\(/.exec(text)?.[1];
    if (name !== undefined && !this.#called.has(db)) this.#called.set(db, name);
  }
}

/** A connection of a pool, which it has only while it asks. */
class SharedLink extends Link {
  readonly #shared: SharedConnections;

  constructor(target: Target, shared: SharedConnections) {
    super(target, { deadlineMs: 60_000 });
    this.#shared = shared;
    this.isConnected = true;
  }

  override ask<T>(statement: (db: Db) => PromiseLike<T>): Promise<T> {
    return this.#shared.use(statement);
  }
}
